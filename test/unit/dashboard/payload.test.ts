import { expect, test } from "vitest";
import {
  fromBase64,
  previewPayload,
  previewValue,
  viewPayload,
} from "../../../src/dashboard/model/payload.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("JSON is shown in lines, other text as it is, nothing as nothing", () => {
  expect(viewPayload(bytes('{"a":[1]}'))).toMatchObject({ kind: "json", isCut: false });
  expect(viewPayload(bytes('{"a":'))).toMatchObject({ kind: "text", text: '{"a":' });
  expect(viewPayload(bytes("21.5"))).toMatchObject({ kind: "text", text: "21.5" });
  expect(viewPayload(bytes("")).kind).toBe("empty");
});

test("bytes that are no text are shown as bytes, with what can be read beside them", () => {
  const view = viewPayload(new Uint8Array([0xff, 0x41, 0x00]));
  expect(view.kind).toBe("binary");
  expect(view.text).toContain("ff 41 00");
  expect(view.text).toContain(".A.");
  expect(viewPayload(bytes("a\u0001b")).kind).toBe("binary");
});

test("a long text is cut, even through the middle of a character", () => {
  const view = viewPayload(bytes(`x${"ä".repeat(20_000)}`));
  expect(view).toMatchObject({ kind: "text", isCut: true });
  expect(view.text).not.toContain("\ufffd");
});

test("a preview is one line of bounded length", () => {
  expect(previewPayload(bytes("a\n  b\tc"))).toBe("a b c");
  expect(previewPayload(bytes("ä".repeat(2000)), 10)).toBe(`${"ä".repeat(10)}…`);
  expect(previewPayload(new Uint8Array([0xff, 0xfe]))).toBe("2 bytes, binary");
  expect(previewPayload(bytes(""))).toBe("(empty)");
  expect(previewValue({ x: 1, y: 2 })).toBe("x 1, y 2");
  expect(previewValue({ x: { y: 1 } })).toBe('{"x":{"y":1}}');
  expect(previewValue(undefined)).toBe("–");
});

test("what is no base64 is no payload", () => {
  expect(fromBase64("/0E=")).toEqual(new Uint8Array([0xff, 0x41]));
  expect(fromBase64("%%%")).toBeNull();
});

import { expect, test } from "vitest";
import { dashboardPaths } from "../../../src/api/routes/dashboard.ts";
import { commandNames, deliveryOf } from "../../../src/dashboard/model/commands.ts";
import { linkTo, pages, placeOf, shortcutOf } from "../../../src/dashboard/model/pages.ts";

test("the node answers with the page at exactly the paths that the page knows", () => {
  expect([...dashboardPaths].sort()).toEqual(pages.map(({ path }) => path).sort());
});

test("a link leads to where it was made, whatever the name of what is selected", () => {
  for (const selected of [null, "robot1", "a/b c?&=#%", "+ö"]) {
    const link = linkTo({ page: "topics", selected });
    const [path = "", query = ""] = link.split("?");
    expect(placeOf(path, query === "" ? "" : `?${query}`)).toEqual({ page: "topics", selected });
  }
});

test("an address that nobody knows is the overview; a broken escape selects nothing", () => {
  expect(placeOf("/nowhere", "?id=x")).toEqual({ page: "overview", selected: null });
  expect(placeOf("/map/", "?id=%E0%A4%A")).toEqual({ page: "map", selected: null });
});

test("number keys go to pages, letters in a field are text, and shortcuts of the browser stay its own", () => {
  const press = (key: string, isTyping = false, isModified = false) =>
    shortcutOf({ key, isTyping, isModified });
  expect(press("2")).toEqual({ do: "go", page: "map" });
  expect(press("9")).toBeNull();
  expect(press("2", true)).toBeNull();
  expect(press("t", false, true)).toBeNull();
  expect(press("/")).toEqual({ do: "search" });
  expect(press("Escape", true)).toEqual({ do: "close" });
});

test("predefined commands are read in each form, and what a command led to is told", () => {
  expect(commandNames({ commands: [{ command: "dock" }, { name: "go" }, "stop", 7] })).toEqual([
    "dock",
    "go",
    "stop",
  ]);
  expect(commandNames(null)).toEqual(["tracking", "slam", "none"]);
  expect(deliveryOf("slam", { delivered: 1 })).toMatchObject({ tone: "ok" });
  expect(deliveryOf("slam", { delivered: 0, delivery: "nobody" }).text).toContain("nobody listens");
  expect(deliveryOf("slam", { delivered: 0, delivery: "queued" }).text).toContain("queued");
  expect(deliveryOf("slam", { delivered: 1, response: { ok: true } }).text).toContain(
    '{"ok":true}',
  );
});

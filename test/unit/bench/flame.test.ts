import { describe, expect, it } from "vitest";
import {
  type CpuProfile,
  type ProfileNode,
  readFrames,
  shortFile,
} from "../../../scripts/bench/flame/frames.ts";
import { flameSvg } from "../../../scripts/bench/flame/svg.ts";

describe("the frames of a CPU profile", () => {
  it("have their own samples and those of what they called", () => {
    const { roots, busySamples } = readFrames(
      profile(
        node(1, "(root)", "", 0, [2]),
        node(2, "read", url("broker/connection.js"), 3, [3, 4]),
        node(3, "decode", url("mqtt/decoder.js"), 5, []),
        node(4, "writeBuffer", "", 10, []),
      ),
    );
    expect(busySamples).toBe(18);
    expect(roots).toMatchObject([
      {
        ...{ name: "read", file: "broker/connection.js", selfSamples: 3, samples: 18 },
        callees: [
          { name: "writeBuffer", file: "", samples: 10 },
          { name: "decode", file: "mqtt/decoder.js", samples: 5 },
        ],
      },
    ]);
  });

  it("are one for each function of a file under one caller, with what all of its calls called", () => {
    const { roots } = readFrames(
      profile(
        node(1, "(root)", "", 0, [2, 3, 6]),
        node(2, "push", url("a.js"), 1, [4]),
        node(3, "push", url("a.js"), 2, [5]),
        node(4, "decode", url("b.js"), 4, []),
        node(5, "decode", url("b.js"), 8, []),
        node(6, "push", url("other.js"), 16, []),
      ),
    );
    expect(roots).toMatchObject([
      { file: "other.js", samples: 16 },
      { file: "a.js", selfSamples: 3, samples: 15, callees: [{ name: "decode", samples: 12 }] },
    ]);
    expect(roots[1]?.callees).toHaveLength(1);
  });

  it("leave waiting out, and tell how much there was", () => {
    const flame = readFrames(
      profile(
        node(1, "(root)", "", 0, [2, 3]),
        node(2, "(idle)", "", 70, []),
        node(3, "(garbage collector)", "", 30, []),
      ),
    );
    expect(flame).toMatchObject({ busySamples: 30, idleSamples: 70 });
    expect(flame.roots.map(({ name }) => name)).toEqual(["(garbage collector)"]);
  });

  it("without a sample are none", () => {
    expect(readFrames(profile(node(1, "(root)", "", 0, [2]), node(2, "a", "", 0, [])))).toEqual({
      roots: [],
      busySamples: 0,
      idleSamples: 0,
    });
  });

  it("name no folder of the machine", () => {
    expect(shortFile("file:///home/me/flockmq/dist/broker/dispatch.js")).toBe("broker/dispatch.js");
    expect(shortFile("/home/me/node_modules/ws/lib/websocket.js")).toBe(
      "node_modules/ws/lib/websocket.js",
    );
    expect(shortFile("file:///home/me/elsewhere.js")).toBe("elsewhere.js");
    expect(shortFile("node:internal/timers")).toBe("node:internal/timers");
    expect(shortFile("")).toBe("");
  });
});

describe("a flame graph", () => {
  const flame = readFrames(
    profile(
      node(1, "(root)", "", 0, [2, 3]),
      node(2, "(idle)", "", 1000, []),
      node(3, "bottom", "node:events", 0, [4, 5]),
      node(4, "less<T>", url("a.js"), 998, []),
      node(5, "rare", url("b.js"), 1, [6]),
      node(6, "rarest", url("b.js"), 1, []),
    ),
  );
  const svg = flameSvg(flame, 'W2: 50 -> 50 "pairs"');
  const widths = new Map(
    [...svg.matchAll(/<title>(\S+) .*?<\/title><rect [^>]*width="([\d.]+)" height="(\d+)"/g)].map(
      ([, name, width]) => [name!, Number(width)],
    ),
  );

  it("is as wide as there are samples", () => {
    expect(widths.get("bottom")).toBe(1176);
    expect(widths.get("less&lt;T&gt;")).toBeCloseTo(1176 * 0.998, 1);
  });

  it("leaves out what has less than 0.2 % with all it called, but nothing else", () => {
    expect([...widths.keys()]).toEqual(["bottom", "less&lt;T&gt;", "rare"]);
  });

  it("says how many samples there were, and how many found nothing to do", () => {
    expect(svg).toContain("1,000 samples; idle in 50.0 % of 2,000, not shown");
    expect(svg).toContain("<title>less&lt;T&gt; a.js: 998 samples, 99.8 %; itself 99.8 %</title>");
  });

  it("needs nothing beside it and is well formed", () => {
    expect(svg).not.toMatch(/href|url\(|@import|<script|<image/);
    expect(svg).toContain('aria-label="W2: 50 -&gt; 50 &quot;pairs&quot;"');
    for (const tag of ["g", "title", "text", "svg"]) {
      const opened = svg.split(`<${tag}`).length;
      expect(opened, tag).toBe(svg.split(`</${tag}>`).length);
    }
  });

  it("is drawn of a profile without samples, too", () => {
    expect(flameSvg(readFrames(profile(node(1, "(root)", "", 0, []))), "idle")).toContain(
      "0 samples",
    );
  });
});

function profile(...nodes: readonly ProfileNode[]): CpuProfile {
  return { nodes };
}

function node(
  id: number,
  functionName: string,
  url: string,
  hitCount: number,
  children: readonly number[],
): ProfileNode {
  return { id, callFrame: { functionName, url }, hitCount, children };
}

function url(file: string): string {
  return `file:///home/me/flockmq/dist/${file}`;
}

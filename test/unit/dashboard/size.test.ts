import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { root } from "../../tidy/source-tree.ts";

/** What `npm run build` made; the dashboard is to stay small enough for a node on a slow link. */
const directory = join(root, "dist", "dashboard");
const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
  /\.(html|js|css|svg)$/.test(name),
);

function gzipped(pattern: RegExp): number {
  const sizes = names
    .filter((name) => pattern.test(name))
    .map((name) => gzipSync(readFileSync(join(directory, name)), { level: 9 }).length);
  return sizes.reduce((total, size) => total + size, 0);
}

test("what the first page needs is at most 50 kB compressed, the plots 26 kB more", () => {
  expect(gzipped(/^index\.html$|assets.index-.*\.(js|css)$/)).toBeLessThan(50_000);
  expect(gzipped(/plot-library/)).toBeLessThan(26_000);
});

test("the page names no other host, and has nothing inline that a strict policy would refuse", () => {
  const html = readFileSync(join(directory, "index.html"), "utf8");
  expect(html).not.toMatch(/https?:\/\//);
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=/);
  const scripts = names.filter((name) => name.endsWith(".js"));
  for (const name of scripts) {
    const text = readFileSync(join(directory, name), "utf8");
    expect(text).not.toMatch(/\beval\(|new Function\(|dangerouslySetInnerHTML:\s*\{/);
    expect(
      text.match(/https?:\/\/[a-z0-9.-]+/gi)?.filter((url) => !/w3\.org/.test(url)) ?? [],
    ).toEqual([]);
  }
});

test("each file is there ready compressed, too", () => {
  for (const name of names) {
    expect(readdirSync(join(directory, name, "..")), name).toEqual(
      expect.arrayContaining([
        `${name.split(/[\\/]/).at(-1)}.gz`,
        `${name.split(/[\\/]/).at(-1)}.br`,
      ]),
    );
  }
});

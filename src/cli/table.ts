/** Columns as wide as their widest cell; numbers to the right. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? "").length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  const aligned = header.map((title, column) =>
    typeof rows[0]?.[column] === "number" ? title.padStart(widths[column] ?? 0) : title,
  );
  return [line(aligned), ...rows.map(line)].join("\n");
}

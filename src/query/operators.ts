/**
 * What values mean to each other. Nothing is converted: text is never a number, and a comparison with what is not there, or of different
 * kinds, is false. Equality is that of JSON values that are no objects or arrays.
 */

type Unary = (value: unknown) => unknown;
type Binary = (left: unknown, right: unknown) => unknown;

export function isTrue(value: unknown): boolean {
  return value === true;
}

export const unaryOperators: ReadonlyMap<string, Unary> = new Map<string, Unary>([
  ["!", (value) => !isTrue(value)],
  ["-", (value) => (typeof value === "number" ? -value : null)],
  ["+", (value) => (typeof value === "number" ? value : null)],
]);

export const binaryOperators: ReadonlyMap<string, Binary> = new Map<string, Binary>([
  ["==", (left, right) => left === right],
  ["===", (left, right) => left === right],
  ["!=", (left, right) => left !== right],
  ["!==", (left, right) => left !== right],
  ["<", ordered((order) => order < 0)],
  ["<=", ordered((order) => order <= 0)],
  [">", ordered((order) => order > 0)],
  [">=", ordered((order) => order >= 0)],
  ["+", arithmetic((left, right) => left + right)],
  ["-", arithmetic((left, right) => left - right)],
  ["*", arithmetic((left, right) => left * right)],
  ["/", arithmetic((left, right) => left / right)],
  ["%", arithmetic((left, right) => left % right)],
]);

function ordered(holds: (order: number) => boolean): Binary {
  return (left, right) => {
    if (typeof left === "number" && typeof right === "number") {
      return left === right ? holds(0) : holds(left < right ? -1 : 1);
    }
    if (typeof left !== "string" || typeof right !== "string") return false;
    return holds(left < right ? -1 : left > right ? 1 : 0);
  };
}

/** Null for what is no number, also in the result. */
function arithmetic(apply: (left: number, right: number) => number): Binary {
  return (left, right) => {
    if (typeof left !== "number" || typeof right !== "number") return null;
    const result = apply(left, right);
    return Number.isFinite(result) ? result : null;
  };
}

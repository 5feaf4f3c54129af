import type jsep from "jsep";
import type { DeviceState } from "../api/ports.ts";
import { functions } from "./functions.ts";
import { binaryOperators, isTrue, unaryOperators } from "./operators.ts";
import { WhereError } from "./where-error.ts";

/** What stands for a value that is not there is null. */
export type Compiled = (device: DeviceState) => unknown;

interface Bounds {
  readonly whereDepthMax: number;
  readonly whereNodesMax: number;
}

/** What a device is besides its attributes. They come first: an attribute of the same name is `attributes.online`. */
const fields: ReadonlyMap<string, Compiled> = new Map<string, Compiled>([
  ["id", ({ id }) => id],
  ["online", ({ online }) => online],
  ["lastSeen", ({ lastSeenMs }) => lastSeenMs],
  ["updatedAt", ({ updatedAtMs }) => updatedAtMs],
  ["version", ({ version }) => version],
]);
const attributesName = "attributes";

/** Turns the tree of an expression into one function, so that a device costs a few calls. Throws {@link WhereError}. */
export function compileNode(tree: jsep.Expression, bounds: Bounds): Compiled {
  let nodes = 0;

  function compile(node: jsep.Expression, depth: number, around: number): Compiled {
    const at = endOf(node) ?? around;
    if (++nodes > bounds.whereNodesMax) {
      throw new WhereError(`expected at most ${bounds.whereNodesMax} names and operators`, at);
    }
    if (depth > bounds.whereDepthMax) {
      throw new WhereError(`expected at most ${bounds.whereDepthMax} levels`, at);
    }
    const inner = (child: unknown): Compiled => compile(child as jsep.Expression, depth + 1, at);
    switch (node.type) {
      case "Literal":
        return constant(literalOf(node["value"], at));
      case "Identifier":
        return named(String(node["name"]));
      case "MemberExpression":
        return member(node, inner);
      case "UnaryExpression": {
        const apply = unaryOperators.get(String(node["operator"]));
        if (apply === undefined) throw unknownOperator(node, at);
        const argument = inner(node["argument"]);
        return (device) => apply(argument(device));
      }
      case "BinaryExpression":
        return binary(node, at, inner);
      case "ConditionalExpression": {
        const [test, yes, no] = ["test", "consequent", "alternate"].map((name) =>
          inner(node[name]),
        );
        return (device) => (isTrue(test!(device)) ? yes! : no!)(device);
      }
      case "CallExpression":
        return call(node, at, inner);
      default:
        throw new WhereError(`expected one comparison, not ${wordFor(node.type)}`, at);
    }
  }

  return compile(tree, 1, 0);
}

function constant(value: unknown): Compiled {
  return () => value;
}

function literalOf(value: unknown, at: number): unknown {
  const isKnown = value === null || ["number", "string", "boolean"].includes(typeof value);
  if (!isKnown) throw new WhereError("expected a number, text, true, false or null", at);
  return value;
}

function named(name: string): Compiled {
  return fields.get(name) ?? ((device) => device.attributes.get(name)?.value ?? null);
}

function member(node: jsep.Expression, inner: (child: unknown) => Compiled): Compiled {
  const object = node["object"] as jsep.Expression;
  const property = node["property"] as jsep.Expression;
  const key = node["computed"] === true ? inner(property) : constant(property["name"]);
  if (object.type === "Identifier" && object["name"] === attributesName) {
    return (device) => device.attributes.get(String(key(device)))?.value ?? null;
  }
  const of = inner(object);
  return (device) => fieldOf(of(device), key(device));
}

/** Own fields of JSON alone: whatever a prototype has is not there. */
function fieldOf(value: unknown, key: unknown): unknown {
  if (typeof value !== "object" || value === null) return null;
  if (Array.isArray(value)) return typeof key === "number" ? (value[key] ?? null) : null;
  if (typeof key !== "string" || !Object.hasOwn(value, key)) return null;
  return (value as Readonly<Record<string, unknown>>)[key] ?? null;
}

function binary(node: jsep.Expression, at: number, inner: (child: unknown) => Compiled): Compiled {
  const operator = String(node["operator"]);
  const left = inner(node["left"]);
  const right = inner(node["right"]);
  if (operator === "&&") return (device) => isTrue(left(device)) && isTrue(right(device));
  if (operator === "||") return (device) => isTrue(left(device)) || isTrue(right(device));
  const apply = binaryOperators.get(operator);
  if (apply === undefined)
    throw unknownOperator(node, endOf(node["left"] as jsep.Expression) ?? at);
  return (device) => apply(left(device), right(device));
}

function call(node: jsep.Expression, at: number, inner: (child: unknown) => Compiled): Compiled {
  const callee = node["callee"] as jsep.Expression;
  const name = callee.type === "Identifier" ? String(callee["name"]) : "";
  const known = functions.get(name);
  if (known === undefined) {
    const names = [...functions.keys()].join(", ");
    throw new WhereError(`expected one of the functions ${names}`, at);
  }
  const given = (node["arguments"] as jsep.Expression[]).map(inner);
  if (given.length !== known.arity) {
    throw new WhereError(`${name} takes ${known.arity} arguments, not ${given.length}`, at);
  }
  const [first, second = constant(null)] = given as [Compiled, Compiled?];
  return (device) => known.apply(first(device), second(device));
}

function unknownOperator(node: jsep.Expression, at: number): WhereError {
  return new WhereError(`the operator ${String(node["operator"])} is not known`, at);
}

/** Behind the part; undefined where the parser did not say so, as within a name with fields. */
function endOf(node: jsep.Expression): number | undefined {
  if (typeof node["end"] === "number") return node["end"];
  const last = node["right"] ?? node["alternate"];
  return typeof last === "object" && last !== null ? endOf(last as jsep.Expression) : undefined;
}

function wordFor(type: string): string {
  switch (type) {
    case "Compound":
    case "SequenceExpression":
      return "several";
    case "ArrayExpression":
      return "a list";
    case "ThisExpression":
      return "`this`";
    default:
      return "this";
  }
}

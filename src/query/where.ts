import jsep from "jsep";
import { type Compiled, compileNode } from "./compile.ts";
import { WhereError } from "./where-error.ts";

/** Bounds of one expression; beyond, it is refused with what was expected. */
export const whereLimits = {
  /** In UTF-16 units. */
  whereLengthMax: 1_000,
  /** Of parentheses, and of operators within each other. */
  whereDepthMax: 32,
  /** Names, values and operators. */
  whereNodesMax: 200,
} as const;

// The parser does not say where a part of its tree stands, but calls back behind each.
jsep.hooks.add("after-token", function noteEnd({ node }) {
  // Where there is nothing, it is false.
  if (node) node["end"] = this.index;
});

/**
 * Reads an expression over the attributes of a device, such as `motorRPM > 1500 && battery < 20`. What it may do is a closed list
 * (compile.ts): there is no way to code, prototypes or regular expressions. Throws {@link WhereError} with the position.
 */
export function parseWhere(text: string): Compiled {
  const { whereLengthMax, whereDepthMax } = whereLimits;
  if (text.length > whereLengthMax) {
    throw new WhereError(`expected at most ${whereLengthMax} characters`, whereLengthMax);
  }
  checkNesting(text, whereDepthMax);
  let tree: jsep.Expression;
  try {
    tree = jsep(text);
  } catch (error) {
    const { index, description } = error as {
      readonly index?: number;
      readonly description?: string;
    };
    throw new WhereError(description ?? "too deep", index ?? 0);
  }
  return compileNode(tree, whereLimits);
}

/** Before the parser, which calls itself for each level. */
function checkNesting(text: string, depthMax: number): void {
  let depth = 0;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quote !== "") {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
    } else if (character === '"' || character === "'") quote = character;
    else if (character === "(" || character === "[") {
      if (++depth > depthMax) throw new WhereError(`expected at most ${depthMax} levels`, at);
    } else if (character === ")" || character === "]") depth--;
  }
}

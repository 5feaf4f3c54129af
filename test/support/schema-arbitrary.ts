import fc from "fast-check";

/** As much of a JSON schema as the API's documents use. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly maxProperties?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

const lengthMax = 24;
const itemsMax = 3;

/** Values that fit the schema. */
export function fitting(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(fitting));
  switch (schema.type) {
    case "string":
      return textOf(schema);
    case "integer":
      return fc.integer({
        min: schema.minimum ?? -1000,
        max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1),
      });
    case "number":
      return fc.double({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "array": {
      const { minItems = 0, maxItems = itemsMax } = schema;
      const maxLength = Math.max(minItems, Math.min(maxItems, itemsMax));
      return fc.array(fitting(schema.items ?? {}), { minLength: minItems, maxLength });
    }
    case "object":
      return objectOf(schema);
    default:
      return fc.jsonValue({ maxDepth: 3 });
  }
}

function textOf({ pattern, minLength = 0, maxLength = lengthMax }: Schema): fc.Arbitrary<string> {
  const fits = (text: string): boolean => {
    const { length } = [...text];
    return length >= minLength && length <= maxLength && text.isWellFormed();
  };
  if (pattern === undefined) {
    const sizes = { minLength, maxLength: Math.min(maxLength, lengthMax) };
    return fc.string({ ...sizes, unit: "grapheme" }).filter(fits);
  }
  return fc.stringMatching(new RegExp(pattern, "u"), { size: "-1" }).filter(fits);
}

function objectOf(schema: Schema): fc.Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const known = fc.record(
    Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, fitting(of)])),
    { requiredKeys: [...required] },
  );
  if (typeof additionalProperties !== "object") return known;
  const names = fitting({ type: "string", ...schema.propertyNames }) as fc.Arbitrary<string>;
  const others = fc.dictionary(names, fitting(additionalProperties), { maxKeys: itemsMax });
  return fc.tuple(others, known).map(([some, all]) => Object.assign({}, some, all));
}

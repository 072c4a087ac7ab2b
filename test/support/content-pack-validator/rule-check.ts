import { FUNCTIONS, type RuleType } from "./rule-functions.ts";
import { type Arguments, type Expression, parseRule, type Rule } from "./rule-parser.ts";

/** What Graylog's parser and type checker would find in a rule; empty where there is nothing. */
export function ruleFaults(source: string): readonly string[] {
  let rule: Rule;
  try {
    rule = parseRule(source);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  const checker = new Checker();
  checker.expect(rule.when, "boolean", "the condition");
  for (const statement of rule.then)
    if (statement.kind === "let") checker.assign(statement.name, statement.value);
    else checker.typeOf(statement.call);
  return checker.faults;
}

class Checker {
  readonly faults: string[] = [];
  readonly #variables = new Map<string, RuleType>();

  assign(name: string, value: Expression): void {
    const type = this.typeOf(value);
    if (type === "void") this.faults.push(`let ${name}: nothing to assign`);
    this.#variables.set(name, type);
  }

  expect(expression: Expression, wanted: RuleType, where: string): void {
    const found = this.typeOf(expression);
    // A field, or a member of a map, is an Object to Graylog and fits nothing that wants more than that.
    if (wanted !== "any" && found !== wanted) this.faults.push(`${where}: expected ${wanted}, found ${found}`);
  }

  typeOf(expression: Expression): RuleType {
    switch (expression.kind) {
      case "literal":
        return typeof expression.value === "number"
          ? "long"
          : typeof expression.value === "boolean"
            ? "boolean"
            : "string";
      case "variable":
        return this.#variable(expression.name);
      case "field":
        return "any";
      case "get":
        this.expect(expression.object, "map", "an index");
        this.typeOf(expression.key);
        return "any";
      case "list":
        for (const item of expression.items) this.typeOf(item);
        return "any";
      case "map":
        for (const item of expression.entries.values()) this.typeOf(item);
        return "map";
      case "not":
        this.expect(expression.operand, "boolean", "not");
        return "boolean";
      case "binary":
        return this.#binary(expression);
      case "call":
        return this.#call(expression.name, expression.args);
    }
  }

  #variable(name: string): RuleType {
    const type = this.#variables.get(name);
    if (type === undefined) this.faults.push(`${name}: used before it is set`);
    return type ?? "any";
  }

  #binary({ operator, left, right }: Expression & { kind: "binary" }): RuleType {
    if (operator === "&&" || operator === "||") {
      this.expect(left, "boolean", operator);
      this.expect(right, "boolean", operator);
      return "boolean";
    }
    const types = [this.typeOf(left), this.typeOf(right)];
    if (["==", "!="].includes(operator)) {
      if (types[0] !== types[1]) this.faults.push(`${operator}: ${types.join(" and ")} are never equal`);
      return "boolean";
    }
    if (types.some((type) => type !== "long"))
      this.faults.push(`${operator}: expected long, found ${types.join(" and ")}`);
    return ["+", "-", "*", "/", "%"].includes(operator) ? "long" : "boolean";
  }

  #call(name: string, args: Arguments): RuleType {
    const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (known === undefined) {
      this.faults.push(`${name}: no such function`);
      return "any";
    }
    const params = Object.entries(known.params).map(([key, type]) => ({
      name: key.replace("?", ""),
      type,
      optional: key.endsWith("?"),
    }));
    if (!(args instanceof Map)) {
      const given = args as readonly Expression[];
      // The order of arguments is not the same in every version.
      if (given.length > 1) this.faults.push(`${name}: name the arguments`);
      if (given.length > params.length) this.faults.push(`${name}: too many arguments`);
      for (const [at, value] of given.entries()) this.expect(value, params[at]?.type ?? "any", `${name} ${at}`);
      for (const { name: missing, optional } of params.slice(given.length))
        if (!optional) this.faults.push(`${name}: ${missing} is missing`);
      return known.returns;
    }
    for (const [given, value] of args as ReadonlyMap<string, Expression>) {
      const param = params.find((one) => one.name === given);
      if (param === undefined) this.faults.push(`${name}: has no argument ${given}`);
      this.expect(value, param?.type ?? "any", `${name} ${given}`);
    }
    for (const { name: missing, optional } of params)
      if (!optional && !args.has(missing)) this.faults.push(`${name}: ${missing} is missing`);
    return known.returns;
  }
}

import type { JsonParameters } from "./request.ts";
import type { SimTag } from "./state.ts";
import type { SimTaxonomy } from "./state-knowledge.ts";

/** As the tag routes print it. */
export function tagRecord(tag: SimTag): JsonParameters {
  return {
    id: String(tag.id),
    name: tag.name,
    colour: tag.colour,
    exportable: tag.exportable,
    org_id: String(tag.orgId),
    user_id: String(tag.userId),
    hide_tag: tag.hideTag,
    numerical_value: tag.numericalValue === null ? null : String(tag.numericalValue),
    is_galaxy: tag.isGalaxy,
    is_custom_galaxy: tag.isCustomGalaxy,
    local_only: tag.localOnly,
  };
}

/** Without the entries. */
export function taxonomyRecord(taxonomy: SimTaxonomy): JsonParameters {
  const { id, namespace, description, version, enabled, exclusive, required, highlighted } = taxonomy;
  return {
    id: String(id),
    namespace,
    description,
    version: String(version),
    enabled,
    exclusive,
    required,
    highlighted,
  };
}

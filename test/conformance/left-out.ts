/** Recordings that are not compared, by name, and why. */
export interface LeftOut {
  readonly reason: string;
  readonly names: readonly string[];
  /** No request, or too large a one to be sent only to see that the answers differ. */
  readonly unsent?: true;
}

export const LEFT_OUT: readonly LeftOut[] = [
  {
    reason: "an export format that Tipline never asks for",
    names: [
      ...["attack-sightings", "cache", "csv", "csv_context", "csv_options", "hashes", "hashes_all", "hosts", "kunai"],
      ...["netfilter", "openioc", "rpz", "snort", "suricata", "suricata_toids", "suricata_unpublished_default", "xml"],
    ]
      .map((format) => `rs_format_${format}`)
      .concat("ev_rs_csv"),
  },
  {
    reason: "an export format that the recorded server itself failed to write",
    names: ["opendata", "stix", "stix2", "yara", "yara-json", "cache_page"].map((format) => `rs_format_${format}`),
  },
  {
    reason: "administration of feeds on the server; Tipline reads feeds itself",
    names: [
      ...["add", "add_freetext", "cacheFeeds", "compareFeeds", "delete", "disable", "fetchFromFeed", "fetch_freetext"],
      ...["index", "index_after", "index_readonly", "previewIndex", "searchCaches", "view"],
    ]
      .map((action) => `feeds_${action}`)
      .concat("pymisp_client_exchanges#19"),
  },
  {
    reason: "hits in the server's feed cache are not simulated",
    names: ["attributes_with_feed_correlation"],
  },
  {
    reason: "galaxies beyond those behind an event's tags are not simulated",
    names: ["galaxies_index", "galaxies_view_actor", "galaxy_cluster_restSearch"],
  },
  {
    reason: "the table of types and categories, which Tipline never asks for",
    names: ["attributes_describeTypes", "pymisp_client_exchanges#02"],
  },
  {
    reason: "proposals are not simulated",
    names: ["shadow_attributes_add_partner", "shadow_attributes_index"],
  },
  {
    reason: "administration that Tipline never asks for",
    names: ["servers_workers", "sharing_groups_index", "noticelists_index"],
  },
  {
    reason: "numbers and descriptions of taxonomy predicates are in no other answer",
    names: ["tags_search_wild"],
  },
  {
    reason: "messages of the ZeroMQ socket, which are no answers to requests",
    names: ["zmq_messages"],
    unsent: true,
  },
  {
    reason: "limits of PHP on time are not simulated",
    names: ["err_max_execution_time_1s"],
    unsent: true,
  },
];

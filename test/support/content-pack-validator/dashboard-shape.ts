import { anything, chosen, flag, list, number, object, record, reference, text, word } from "./shape.ts";

const RELATIVE = object({ type: word("relative"), range: number });
const QUERY = object({ type: word("elasticsearch"), query_string: text });
const COMMON = {
  timerange: RELATIVE,
  query: QUERY,
  streams: list(text),
  filter: anything,
  filters: list(anything),
};
/** What Graylog fills in by itself in one of the two models, and we write all the same. */
const SEARCHED = { id: text, ...COMMON };

const INTERVAL = object({ type: word("auto", "timeunit") }, { scaling: number });
const BUCKET = chosen("type", {
  values: object({ type: text, fields: list(text, 1) }, { limit: number }),
  time: object({ type: text, fields: list(text, 1), interval: INTERVAL }),
});
const SERIES = object({ type: word("count", "card", "max", "min", "avg", "sum"), id: text }, { field: text });
const SORT = object({ type: word("series", "pivot"), field: text, direction: word("Ascending", "Descending") });

const SEARCH_TYPE = chosen("type", {
  pivot: object(
    { ...SEARCHED, type: text, series: list(SERIES, 1), rollup: flag },
    {
      name: text,
      row_groups: list(BUCKET),
      column_groups: list(BUCKET),
      sort: list(SORT),
      row_limit: number,
      column_limit: number,
    },
  ),
  messages: object(
    { ...SEARCHED, type: text, limit: number, offset: number },
    {
      name: text,
      sort: list(object({ field: text, order: word("ASC", "DESC") })),
      decorators: list(anything),
    },
  ),
});

const PIVOT = chosen("type", {
  values: object({ type: text, fields: list(text, 1), config: object({ limit: number }) }),
  time: object({ type: text, fields: list(text, 1), config: object({ interval: INTERVAL }) }),
});

const WIDGET = chosen("type", {
  aggregation: object({
    ...SEARCHED,
    type: text,
    config: object(
      {
        row_pivots: list(PIVOT),
        column_pivots: list(PIVOT),
        series: list(object({ function: text, config: object({}, { name: text }) }), 1),
        sort: list(SORT),
        visualization: word("numeric", "bar", "line", "pie", "table"),
      },
      { visualization_config: anything, formatting_settings: anything, rollup: flag, event_annotation: flag },
    ),
  }),
  messages: object({
    ...SEARCHED,
    type: text,
    config: object(
      { fields: list(text, 1), show_message_row: flag },
      { show_summary_row: flag, decorators: list(anything), sort: list(SORT) },
    ),
  }),
});

const STATE = object(
  {
    widgets: list(WIDGET, 1),
    widget_mapping: record(list(text, 1)),
    positions: record(object({ col: number, row: number, width: number, height: number })),
    titles: object({ tab: object({ title: text }), widget: record(text) }),
  },
  {
    selected_fields: anything,
    static_message_list_id: anything,
    formatting: anything,
    display_mode_settings: anything,
  },
);

/** After Graylog's model classes; the server's own pack with a dashboard has the same members. */
export const DASHBOARD = object(
  {
    title: reference("string"),
    search: object(
      {
        queries: list(
          object(
            { id: text, timerange: RELATIVE, query: QUERY, search_types: list(SEARCH_TYPE, 1) },
            { filters: list(anything) },
          ),
          1,
        ),
      },
      { parameters: list(anything), requires: record(anything), created_at: text, owner: text },
    ),
    state: record(STATE),
  },
  {
    type: word("DASHBOARD", "SEARCH"),
    summary: reference("string"),
    description: reference("string"),
    properties: list(text),
    requires: record(anything),
    created_at: text,
    owner: text,
  },
);

import { FINDINGS_STREAM_ID } from "./entities.ts";
import { type DashboardPart, milliseconds, type WidgetPart } from "./parts.ts";
import { type Entity, entity, idOf, string } from "./value.ts";

const ROWS = 15;
/** Fixed, so that the same parts give the same pack. */
const MADE = "2026-01-01T00:00:00.000Z";
const QUERY_ID = idOf("dashboard query");

/** One page. Graylog keeps what is shown (widgets) apart from what is searched (search types), tied together by ids. */
export function dashboard(part: DashboardPart): Entity {
  const range = { type: "relative", range: milliseconds(part.range) / 1000 };
  const widgets = part.widgets.map((widget) => new Widget(widget, range));
  return entity(
    "dashboard",
    idOf("dashboard"),
    {
      type: "DASHBOARD",
      title: string(part.title),
      summary: string(part.summary),
      description: string(part.description),
      search: {
        queries: [
          {
            id: QUERY_ID,
            timerange: range,
            filters: [],
            query: elasticsearch(""),
            search_types: widgets.map((widget) => widget.searchType()),
          },
        ],
        parameters: [],
        requires: {},
        created_at: MADE,
      },
      created_at: MADE,
      requires: {},
      properties: [],
      state: {
        [QUERY_ID]: {
          selected_fields: null,
          static_message_list_id: null,
          titles: {
            tab: { title: "Findings" },
            widget: Object.fromEntries(widgets.map(({ id, part: { title } }) => [id, title])),
          },
          widgets: widgets.map((widget) => widget.shown()),
          widget_mapping: Object.fromEntries(widgets.map(({ id, searchId }) => [id, [searchId]])),
          positions: Object.fromEntries(widgets.map(({ id, part: { at } }) => [id, position(at)])),
          formatting: { highlighting: [] },
          display_mode_settings: { positions: {} },
        },
      },
    },
    "2",
  );
}

const elasticsearch = (query: string) => ({ type: "elasticsearch", query_string: query });

const position = ([col, row, width, height]: WidgetPart["at"]) => ({ col, row, width, height });

class Widget {
  readonly part: WidgetPart;
  readonly id: string;
  readonly searchId: string;
  readonly #common: Readonly<Record<string, unknown>>;

  constructor(part: WidgetPart, timerange: unknown) {
    this.part = part;
    this.id = idOf(`widget ${part.title}`);
    this.searchId = idOf(`search type ${part.title}`);
    const query = elasticsearch(part.query);
    this.#common = { timerange, query, streams: [FINDINGS_STREAM_ID], filter: null, filters: [] };
  }

  searchType(): unknown {
    const { show, rows, columns, over_time: overTime } = this.part;
    if (show === "messages")
      return {
        ...this.#common,
        id: this.searchId,
        name: null,
        type: "messages",
        limit: 150,
        offset: 0,
        sort: [{ field: "timestamp", order: "DESC" }],
        decorators: [],
      };
    const values = (fields: readonly string[]) => ({ type: "values", fields, limit: ROWS });
    const time = { type: "time", fields: ["timestamp"], interval: { type: "auto", scaling: 1 } };
    return {
      ...this.#common,
      id: this.searchId,
      name: "chart",
      type: "pivot",
      row_groups: overTime ? [time] : rows.length > 0 ? [values(rows)] : [],
      column_groups: columns.length > 0 ? [values(columns)] : [],
      series: this.part.series.map(seriesSpec),
      sort: this.#sort(),
      rollup: !overTime,
      row_limit: null,
      column_limit: null,
    };
  }

  shown(): unknown {
    const { show, fields } = this.part;
    if (show === "messages") {
      const sort = [{ type: "pivot", field: "timestamp", direction: "Descending" }];
      return {
        ...this.#common,
        id: this.id,
        type: "messages",
        config: { fields, show_message_row: true, decorators: [], sort },
      };
    }
    return { ...this.#common, id: this.id, type: "aggregation", config: this.#aggregation() };
  }

  #aggregation(): unknown {
    const { show, rows, columns, series, over_time: overTime } = this.part;
    const values = (fields: readonly string[]) => ({ type: "values", fields, config: { limit: ROWS } });
    const time = { type: "time", fields: ["timestamp"], config: { interval: { type: "auto", scaling: 1 } } };
    return {
      visualization: show,
      visualization_config: VISUALIZATION.get(show) ?? null,
      row_pivots: overTime ? [time] : rows.length > 0 ? [values(rows)] : [],
      column_pivots: columns.length > 0 ? [values(columns)] : [],
      series: series.map((shown) => ({ config: { name: null }, function: shown })),
      sort: this.#sort(),
      rollup: !overTime,
      formatting_settings: null,
      event_annotation: false,
    };
  }

  #sort(): unknown[] {
    const [first] = this.part.series;
    if (this.part.over_time || this.part.rows.length === 0 || first === undefined) return [];
    return [{ type: "series", field: first, direction: "Descending" }];
  }
}

const VISUALIZATION = new Map<WidgetPart["show"], unknown>([
  ["bar", { barmode: "stack", axis_type: "linear" }],
  ["numeric", { trend: false, trend_preference: "NEUTRAL" }],
]);

/** `card(tipline_value)` as the search has it; its id is what the widget calls it. */
function seriesSpec(shown: string): unknown {
  const [type = "", field = ""] = shown.split(/[()]/);
  return { type, id: shown, field: field === "" ? null : field };
}

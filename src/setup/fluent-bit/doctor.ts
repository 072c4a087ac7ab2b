import type { FluentBitConfig } from "./config-file.ts";
import { Examined } from "./examined.ts";
import type { Finding } from "./finding.ts";
import { filterFindings } from "./rules-filter.ts";
import { httpFindings } from "./rules-http.ts";
import { outputFindings } from "./rules-output.ts";
import { rawFindings } from "./rules-raw.ts";
import { serviceFindings } from "./rules-service.ts";
import { tailFindings } from "./rules-tail.ts";
import { textFindings } from "./rules-text.ts";

/**
 * Every fault of a configuration that carries Wazuh's alerts to Tipline or Graylog, in the order of the file. It looks at the text
 * and at whether files that it names are on this machine; it starts nothing. `exists`: default, this file system.
 */
export function doctorFluentBit(config: FluentBitConfig, exists?: (path: string) => boolean): readonly Finding[] {
  const x = new Examined(config, exists);
  const files = [config.path, ...config.sections.map(({ file }) => file)];
  const order = new Map(files.toReversed().map((file, at) => [file, -at]));
  return [
    ...textFindings(x),
    ...serviceFindings(x),
    ...tailFindings(x),
    ...filterFindings(x),
    ...outputFindings(x),
    ...httpFindings(x),
    ...rawFindings(x),
  ].sort((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0) || a.line - b.line);
}

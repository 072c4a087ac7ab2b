import { join } from "node:path";
import { Layer } from "../intel/index/layer.ts";
import { type LayeredIndex, openLayers } from "../intel/index/layers.ts";
import type { Manifest } from "./generations-files.ts";
import type { LoadedGeneration } from "./generations-types.ts";

/** A generation with its manifest and open layers. */
export interface OpenGeneration extends LoadedGeneration {
  readonly manifest: Manifest;
  readonly index: LayeredIndex;
}

/** Opens a manifest's layers; those that `open` already holds are shared, not loaded again. */
export function openManifest(dir: string, manifest: Manifest, open: readonly Layer[] = []): OpenGeneration {
  const layers: Layer[] = [];
  try {
    for (const { name } of manifest.layers) {
      const path = join(dir, name);
      const shared = open.find((layer) => layer.path === path);
      layers.push(shared ? shared.retain() : new Layer(path));
    }
    const quarantined = Object.values(manifest.feeds).reduce((sum, feed) => sum + feed.quarantined, 0);
    const index = openLayers(layers, quarantined);
    return {
      id: manifest.id,
      createdAt: manifest.createdAt,
      manifest,
      index,
      get stats() {
        return index.stats;
      },
    };
  } catch (error) {
    for (const layer of layers) layer.release();
    throw error;
  }
}

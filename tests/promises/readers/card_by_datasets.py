"""Load every config of a release's card with the `datasets` at hand, and tell what came out: `... RELEASE CACHE`."""

import json
import sys

import datasets


def told(release: str, cache: str) -> dict[str, object]:
    found: dict[str, object] = {"version": datasets.__version__, "configs": {}}
    for config in datasets.get_dataset_config_names(release):
        loaded = datasets.load_dataset(release, config, cache_dir=cache)
        streamed = datasets.load_dataset(release, config, streaming=True)
        found["configs"][config] = {
            split: {
                "rows": len(table),
                "streamed": sum(1 for _ in streamed[split]),
                "columns": table.column_names,
                "sizes": [row["image"].size for row in table] if "image" in table.column_names else None,
                "segments": next(iter(streamed[split])).get("segments"),
            }
            for split, table in loaded.items()
        }
    return found


if __name__ == "__main__":
    json.dump(told(*sys.argv[1:]), sys.stdout)

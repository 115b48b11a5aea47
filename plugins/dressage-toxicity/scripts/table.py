"""Measures `profanity` and `minilm` on labelled sets and writes the table of the README.

    python plugins/dressage-toxicity/scripts/table.py            # measures, writes table.json, then the README
    python plugins/dressage-toxicity/scripts/table.py --render   # the README again, from table.json

The area under the ROC curve, with the number of texts. A cell whose texts the detector learnt from says so: such a
number tells nothing about new texts. `minilm` on its own training set is measured out of fold.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parents[1]
RESULT = HOME / "table.json"
README = HOME / "README.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
SAMPLES = {"davidson_tweets": 6000, "jigsaw_templates": 5000}
"""Seeded samples of the large sets; the others are used whole."""
REWARDS = ("profanity", "minilm")
SAME_SOURCE = {("profanity", "jigsaw_comments")}
"""It learnt from the same pool of Wikipedia comments; which of these were among them is not known."""


def render(result: Mapping[str, Any]) -> str:
    """The table in Markdown."""
    lines = [f"| AUC on | n | positive | {' | '.join(f'`{name}`' for name in REWARDS)} |"]
    lines.append("|---|---|---|" + "---|" * len(REWARDS))
    for row in result["sets"]:
        cells = [_cell(row["rewards"][name]) for name in REWARDS]
        size = f"{row['n']}" if row["n"] == row["of"] else f"{row['n']} of {row['of']}"
        lines.append(f"| {row['set']} | {size} | {row['positives']} | {' | '.join(cells)} |")
    lines += ["", f"Measured on {result['date']} with seed {result['seed']}; {result['versions']}."]
    return "\n".join(lines)


def inserted(text: str, table: str) -> str:
    """`text` with `table` between its markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}"


def measured(data: Path, seed: int) -> dict[str, Any]:
    """All cells; about three minutes on two cores."""
    from importlib.metadata import version

    from corpora import CORPORA

    rewards = _rewards()
    rows = []
    for name, read in CORPORA.items():
        whole = read(data)
        corpus = whole.sample(SAMPLES.get(name, len(whole)), seed)
        cells = {key: _measure(key, reward, name, corpus) for key, reward in rewards.items()}
        size = {"n": len(corpus), "of": len(whole), "positives": sum(corpus.labels)}
        rows.append({"set": name, **size, "rewards": cells})
        print(rows[-1], flush=True)
    versions = f"alt-profanity-check {version('alt-profanity-check')}, head of {rewards['minilm'].head.date}"
    return {"date": date.today().isoformat(), "seed": seed, "versions": versions, "sets": rows}


def _rewards() -> dict[str, Any]:
    from dressage import Context
    from dressage_toxicity.minilm import MiniLM
    from dressage_toxicity.options import MiniLMOptions, ProfanityOptions
    from dressage_toxicity.profanity import Profanity

    return {
        "profanity": Profanity(ProfanityOptions(), Context(name="profanity")),
        "minilm": MiniLM(MiniLMOptions(), Context(name="minilm")),
    }


def _measure(key: str, reward: Any, name: str, corpus: Any) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    if key == "minilm" and name in reward.trained_on:
        scores, mark = _out_of_fold(reward, corpus), "out of fold"
    else:
        scores = reward.probabilities(corpus.texts)
        mark = "in sample" if name in reward.trained_on else ""
        mark = "same source" if (key, name) in SAME_SOURCE else mark
    return {"auc": round(float(roc_auc_score(corpus.labels, scores)), 3), "mark": mark}


def _out_of_fold(reward: Any, corpus: Any) -> Any:
    import numpy as np
    from train_minilm import groups_of, out_of_fold

    vectors = reward.encoder.encode(corpus.texts).double().numpy()
    return out_of_fold(vectors, np.array(corpus.labels), groups_of(corpus))


def _cell(cell: Mapping[str, Any]) -> str:
    number = f"{cell['auc']:.3f}"
    return f"{number} ({cell['mark']})" if cell["mark"] else number


def main() -> None:
    """Measures unless told not to, and writes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=HOME.parents[2] / "shared" / "data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--render", action="store_true", help="only write the README again")
    arguments = parser.parse_args()
    if not arguments.render:
        result = measured(arguments.data, arguments.seed)
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    table = render(json.loads(RESULT.read_text(encoding="utf-8")))
    README.write_text(inserted(README.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    main()

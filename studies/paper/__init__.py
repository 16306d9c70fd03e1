"""The paper's figures and tables as studies (Wan et al., AAAI 2026, arXiv 2511.09901).

Each study is one file. Its docstring is the protocol: the paper's claim, and the data, arms,
seeds and smallest effects that count, all fixed before any result was seen. ``swast-search
reproduce NAME`` runs a study.
"""

from studies.paper import (
    figure_1,
    figure_2,
    figure_3,
    figure_4,
    figure_5,
    table_ablation,
    table_cut,
    table_pruning,
    table_trim,
)
from studies.paper.study import Study

STUDIES: dict[str, Study] = {
    each.STUDY.name: each.STUDY
    for each in (
        figure_1,
        figure_2,
        figure_3,
        figure_4,
        figure_5,
        table_trim,
        table_cut,
        table_pruning,
        table_ablation,
    )
}

"""The figures and tables of the paper as studies (Wan et al., AAAI 2026, arXiv 2511.09901).

A file a study; its docstring is the protocol: what the paper says, and the data, arms, seeds and
smallest effects worth the name, fixed before anything was looked at. ``swast-search reproduce
NAME`` conducts one.
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

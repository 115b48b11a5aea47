"""The run's report as one offline page: `write_html` turns a run folder into `report.html`."""

from dressage.run.report.page import write_html

__all__ = ["write_html"]

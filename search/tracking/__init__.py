"""Search in MLflow: a view of its storage that survives outages."""

from search.tracking.tracker import Tracker as Tracker

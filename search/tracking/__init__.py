"""The search in MLflow: a view that follows from its storage and survives outages."""

from search.tracking.tracker import Tracker as Tracker

"""The search: Ray Tune schedules SWaST trainings, Optuna samples them, MLflow shows the front."""

"""Anomaly notices to where people look: Alertmanager, webhooks, PagerDuty, and what Apprise reaches."""

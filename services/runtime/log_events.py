"""Names of the log lines that people search for and runbooks quote. Everything else is a line of its module's own."""

from __future__ import annotations

from typing import Final

HTTP_LISTENING: Final = "http.listening"
HTTP_NOT_ANNOUNCED: Final = "http.not_announced"
EXITING: Final = "worker.exiting"
WATCHDOG_READ_FAILED: Final = "watchdog.read_failed"
WATCHDOG_NOT_LAG: Final = "watchdog.not_lag"
CONFIG_REFUSED: Final = "config.refused"
CONFIG_IN_FORCE: Final = "config.in_force"
REVIEW_OVERDUE: Final = "definition.review_overdue"
SIGNER_REMOVED: Final = "definition.signer_removed"
SLA_EDGES_REFUSED: Final = "metrics.sla_edges_refused"
CRM_AWAY: Final = "crm.away"
CRM_BACK: Final = "crm.back"
GIVEN_UP: Final = "crm.given_up"
RECEIVER_DISABLED: Final = "webhook.disabled"
RECEIVER_ENABLED: Final = "webhook.enabled"
SECRETS_KEPT: Final = "webhook.secrets_kept"
UNMAPPED: Final = "crm.unmapped"
DUPLICATE: Final = "crm.duplicate"
FOLDER_FAILED: Final = "csv.folder_failed"
FOLDER_BACK: Final = "csv.folder_back"
FILE_READ: Final = "csv.file_read"

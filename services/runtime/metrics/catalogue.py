"""Every metric, declared once: name with its unit, kind, labels with bounded sets, meaning, edges.

Processors name them in `Observation`s, the engine and the watchdog too; `services.runtime.metrics.store` keeps the
numbers. `deploy/prometheus/METRICS.md`, the alerts and the dashboards are checked against this page.

A label's values are either closed (`values`) or a bounded number of short names out of configuration and the topic
catalogue. Never a person, lead, handoff, account or rep: see `declaration.admissible`.
"""

from __future__ import annotations

from typing import get_args

from baton_schemas.alerts import SpikeKind
from baton_schemas.feedback import OutcomeKind
from baton_schemas.routing import SalesStage
from services.runtime.metrics.declaration import Label, Metric, MetricMisuse

TOPIC = Label("topic")
TERRITORY = Label("territory", limit=200)
TIER = Label("tier", limit=12)
REASON = Label("reason", limit=100)
DEFINITION = Label("definition", limit=24)
CONNECTOR = Label("connector", limit=16)
CODE = Label("code", limit=64)
STEP = Label(
    "step", values=("started", "warned", "breached", "reassigned", "escalated", "met", "closed", "skipped")
)  # fmt: skip

SPIKE = Label("kind", values=get_args(SpikeKind))
SILENCE_STEP = Label("step", values=("started", "warned", "breached", "met", "closed", "skipped"))

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_TOUCH = (30.0, *(n * _MINUTE for n in (1, 5, 15, 30)), *(n * _HOUR for n in (1, 2, 4, 8)), _DAY, 2 * _DAY, 5 * _DAY)

_ALL = (
    # the scorer
    Metric(
        "baton_events_total",
        "counter",
        "scorer",
        "Engagement events by what became of them.",
        (Label("type"), Label("result", limit=24)),
    ),
    Metric(
        "baton_events_adjusted_total",
        "counter",
        "scorer",
        "Events that count otherwise than they came. clamped: a time ahead of the log was set back to it; full: beyond "
        "20 of one criterion, person and day; cut: old days or identities were given up to stay in bounds.",
        (Label("how", values=("clamped", "full", "cut")),),
    ),
    Metric(
        "baton_expressions_failed_total",
        "counter",
        "scorer",
        "CEL conditions that could not be evaluated though what they look at was there (text and a number), "
        "and so did not hold: by the criterion, disqualifier or persona that asks.",
        (Label("criterion", limit=64),),
    ),
    Metric(
        "baton_people_cut_total",
        "counter",
        "scorer",
        "Parts of people that gave way to the limit of 16 KB, in the order in which they do: titles of colleagues, "
        "traits, criteria of former definitions, acts, claims on identities, linked identities, ids of events, notes, "
        "campaigns, days, times of steps, long values.",
        (
            Label(
                "part",
                values=(
                    "colleague",
                    "trait",
                    "criterion",
                    "act",
                    "claim",
                    "identity",
                    "ids",
                    "note",
                    "campaign",
                    "day",
                    "time",
                    "value",
                ),
            ),
        ),
    ),
    Metric("baton_leads_qualified_total", "counter", "scorer", "Leads that qualified.", (TIER,)),
    Metric("baton_leads_withdrawn_total", "counter", "scorer", "Qualified leads that were withdrawn.", (REASON,)),
    Metric(
        "baton_event_to_qualified_seconds",
        "histogram",
        "scorer",
        "From the log taking in the event that qualified a person to the decision.",
        edges=_FAST,
    ),
    Metric(
        "baton_engagement_spikes_total",
        "counter",
        "scorer",
        "Spikes of people or accounts that somebody may own, by what rose.",
        (SPIKE,),
    ),
    # the router
    Metric(
        "baton_leads_routed_total",
        "counter",
        "router",
        "Handoffs given to a rep, by what changed.",
        (Label("change", values=("assigned", "reassigned", "owner_changed", "passed_on", "merged")), TERRITORY),
    ),
    Metric(
        "baton_leads_handed_over_total",
        "counter",
        "router",
        "With two stages: leads that sales qualified and handed over, by the territory that qualified them.",
        (TERRITORY,),
    ),
    Metric("baton_leads_waiting", "level", "router", "Leads that wait for a rep with capacity."),
    Metric(
        "baton_leads_held",
        "level",
        "router",
        "Leads that wait because their person or account was given to sales as often as contact pressure allows.",
    ),
    Metric("baton_leads_unrouted_total", "counter", "router", "Leads that nobody could take, and why.", (REASON,)),
    Metric(
        "baton_qualified_to_routed_seconds",
        "histogram",
        "router",
        "From the log taking in the qualified lead to the rep having it.",
        edges=_FAST,
    ),
    Metric(
        "baton_first_touch_seconds",
        "histogram",
        "router",
        "From qualification's clock start to the first touch, in business seconds of the territory's calendar. "
        "The SLA targets in force are edges.",
        (TIER, TERRITORY),
        _TOUCH,
    ),
    Metric(
        "baton_sla_steps_total",
        "counter",
        "router",
        "Steps of first-touch clocks. breached: not touched when due; met: touched in time (reported late, both "
        "count).",
        (STEP, TIER, TERRITORY),
    ),
    Metric(
        "baton_clocks",
        "level",
        "router",
        "First-touch clocks that run now, by how far they are.",
        (Label("state", values=("open", "warned", "breached")),),
    ),
    Metric(
        "baton_disposition_steps_total",
        "counter",
        "router",
        "Steps of disposition clocks: who accepted a lead owes a word on it. breached: silence when it was due; met: "
        "a sign of life in time, after which the clock starts anew, or the end in time (reported late, both count).",
        (SILENCE_STEP, TIER, TERRITORY),
    ),
    Metric(
        "baton_disposition_clocks",
        "level",
        "router",
        "Disposition clocks that run now, by how far they are.",
        (Label("state", values=("open", "warned", "breached")),),
    ),
    Metric(
        "baton_account_alerts_total",
        "counter",
        "router",
        "Spikes by what became of them. told: the owner was alerted; cool_down: he was, not long before; nobody_owns; "
        "erased.",
        (SPIKE, Label("result", values=("told", "cool_down", "nobody_owns", "erased"))),
    ),
    # feedback
    Metric(
        "baton_outcomes_total",
        "counter",
        "feedback",
        "Outcomes that sales reported, by the stage of their handoff: one, or the first or second of two; unknown for "
        "what waits or is not kept.",
        (
            Label("kind", values=(*get_args(OutcomeKind), "insight", "waiting", "nothing_new", "erased", "merged")),
            Label("stage", values=("one", *get_args(SalesStage), "unknown")),
        ),
    ),
    Metric("baton_leads_recycled_total", "counter", "feedback", "Leads given back to marketing.", (REASON,)),
    Metric(
        "baton_labels_total",
        "counter",
        "feedback",
        "Outcomes that became a label for learning.",
        (Label("good", values=("true", "false", "none")),),
    ),
    Metric("baton_model_version", "gauge", "feedback", "Version of the scoring model in force.", (DEFINITION,)),
    Metric(
        "baton_points_moved_total",
        "counter",
        "feedback",
        "Points that sales' answers moved, summed over criteria.",
        (Label("direction", values=("up", "down")),),
    ),
    # connectors
    Metric(
        "baton_crm_available",
        "gauge",
        "connector",
        "1 while the CRM serves us; 0 while everything waits for it.",
        (CONNECTOR,),
    ),
    Metric(
        "baton_crm_orders_total",
        "counter",
        "connector",
        "Records for the CRM by what was done: create, change, sent, written, or why nothing had to be.",
        (CONNECTOR, Label("done", limit=16)),
    ),
    Metric(
        "baton_crm_visible_seconds",
        "histogram",
        "connector",
        "From the decision who has a lead to its record in the CRM (Baton time).",
        (CONNECTOR,),
        _FAST,
    ),
    Metric(
        "baton_crm_failures_total",
        "counter",
        "connector",
        "Requests that failed, by what the CRM said; they are tried again.",
        (CONNECTOR, CODE),
    ),
    Metric(
        "baton_crm_given_up_total",
        "counter",
        "connector",
        "Records that the CRM never took: dead letters.",
        (CONNECTOR, CODE),
    ),
    Metric(
        "baton_crm_outcomes_total",
        "counter",
        "connector",
        "What people did in the CRM, told to Baton.",
        (CONNECTOR, Label("kind", values=(*get_args(OutcomeKind), "insight"))),
    ),
    Metric(
        "baton_crm_facts_total", "counter", "connector", "Facts of companies and people that changed.", (CONNECTOR,)
    ),
    Metric(
        "baton_crm_actual_total",
        "counter",
        "connector",
        "In shadow: deals that people made, by whether they were told or why not.",
        (CONNECTOR, Label("what", values=("told", "no_address", "no_word"))),
    ),
    Metric("baton_crm_polls_total", "counter", "connector", "Looks at what changed in the CRM.", (CONNECTOR,)),
    Metric(
        "baton_crm_unmapped",
        "gauge",
        "connector",
        "Handoffs of which the CRM says something that the mapping has no word for.",
        (CONNECTOR,),
    ),
    Metric(
        "baton_webhook_disabled",
        "gauge",
        "connector",
        "1 while a webhook's receiver is disabled: messages wait, one probes it now and then.",
        (CONNECTOR,),
    ),
    Metric(
        "baton_webhook_waiting",
        "gauge",
        "connector",
        "Messages that the receiver did not take yet, and those of the same leads behind them.",
        (CONNECTOR,),
    ),
    Metric(
        "baton_csv_files_total",
        "counter",
        "connector",
        "Files that a CSV connector wrote, by their folder.",
        (CONNECTOR, Label("what", values=("leads", "sla", "alerts"))),
    ),
    Metric(
        "baton_csv_rows_rejected_total",
        "counter",
        "connector",
        "Rows of dropped files that told nothing; the reasons stand beside the file.",
        (CONNECTOR,),
    ),
    # every worker: input
    Metric("baton_records_total", "counter", "runtime", "Input records that were decided on and journalled.", (TOPIC,)),
    Metric(
        "baton_bulk_waits",
        "gauge",
        "runtime",
        "1 while bulk topics wait because live inputs are a second behind, or it is not known yet that they are not; 0 "
        "while they are read. How much waits is the lag of the bulk topic.",
    ),
    Metric(
        "baton_lag_records",
        "gauge",
        "runtime",
        "Records of this worker's partitions between the committed offset and the end, read by a client of its own.",
        (TOPIC,),
    ),
    Metric(
        "baton_stalled_seconds",
        "gauge",
        "runtime",
        "How long the slowest partition with lag has not moved its committed offset; 0 when all move.",
    ),
    Metric(
        "baton_watchdog_readings_total",
        "counter",
        "runtime",
        "Attempts to read offsets from the broker.",
        (Label("result", values=("ok", "failed")),),
    ),
    Metric("baton_dead_letters_total", "counter", "runtime", "Inputs that can't be used.", (TOPIC, CODE)),
    Metric(
        "baton_retries_total",
        "counter",
        "runtime",
        "Decisions asked for again because something they need is not there yet, as a configuration.",
    ),
    # every worker: lanes
    Metric("baton_partitions", "gauge", "runtime", "Partitions assigned to this worker."),
    Metric(
        "baton_commit_seconds",
        "histogram",
        "runtime",
        "One group of a lane, once decided: journalled, fenced, its outputs acknowledged.",
        edges=_FAST,
    ),
    Metric("baton_timers", "gauge", "runtime", "Timers that wait in this worker's lanes."),
    Metric("baton_timers_fired_total", "counter", "runtime", "Timers carried out."),
    Metric(
        "baton_timer_late_seconds",
        "histogram",
        "runtime",
        "How long after it was due a timer was carried out (Baton time); of those carried out together, the latest.",
        edges=_FAST,
    ),
    Metric("baton_outputs_total", "counter", "runtime", "Records told: sent once decided and acknowledged.", (TOPIC,)),
    # every worker: journal and state
    Metric(
        "baton_journal_conflicts_total",
        "counter",
        "runtime",
        "Foreign records found in an own journal: a predecessor's late writes (healed). A successor's end the worker.",
        (Label("kind", values=("healed",)),),
    ),
    Metric("baton_state_keys", "gauge", "runtime", "Keys held in memory."),
    Metric(
        "baton_restore_seconds",
        "histogram",
        "runtime",
        "Restoring one lane from its journal, claim included; each rebalance restores the lanes anew.",
        edges=_FAST,
    ),
    Metric("baton_restored_keys_total", "counter", "runtime", "Keys that restores brought back."),
    Metric(
        "baton_config_refused_total",
        "counter",
        "runtime",
        "Configuration sets that were refused; the last good one stays in force.",
        (Label("service", values=("scorer", "router", "feedback")),),
    ),
    Metric(
        "baton_definition_review_overdue_seconds",
        "gauge",
        "runtime",
        "How long ago the day ended by which both teams wanted to look at the definition in force; 0 while there is "
        "time.",
        (DEFINITION,),
    ),
    Metric(
        "baton_definition_signers_removed",
        "gauge",
        "runtime",
        "Signatures of the definition in force whose signers may not sign any more; they stay valid.",
        (DEFINITION,),
    ),
    Metric("baton_globals_offset", "gauge", "runtime", "Next offset of a topic that is read whole.", (TOPIC,)),
    # every worker: the process
    Metric("baton_ready", "gauge", "runtime", "1 while /readyz says yes."),
    Metric("baton_heartbeat_age_seconds", "gauge", "runtime", "Age of the event loop's last heartbeat."),
    Metric(
        "baton_info",
        "gauge",
        "runtime",
        "1; the labels say what runs.",
        (Label("processor", limit=8), Label("engine", limit=4), Label("version", limit=4)),
    ),
    Metric(
        "baton_observations_refused_total",
        "counter",
        "runtime",
        "Observations unknown to the catalogue, or with a value that no label may carry: a bug to report.",
    ),
)

CATALOGUE: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def declared(name: str, labels: tuple[str, ...]) -> Metric:
    """The declaration of `name`. Raises MetricMisuse when there is none, or the number of labels is not its own."""
    metric = CATALOGUE.get(name)
    if metric is None:
        raise MetricMisuse(f"{name}: not in the metric catalogue")
    if len(labels) != len(metric.labels):
        raise MetricMisuse(f"{name}: {len(labels)} label values, declared are {len(metric.labels)}")
    return metric

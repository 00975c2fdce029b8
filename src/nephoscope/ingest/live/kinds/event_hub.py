"""Event Hubs over their Kafka endpoint, and any Kafka broker."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from nephoscope.ingest.live import privileged_settings
from nephoscope.ingest.live.broker_log import BrokerLog
from nephoscope.ingest.live.broker_settings import (
    CONNECTION_STRING,
    BrokerSettings,
    check_settings,
    list_secrets_in_use,
)
from nephoscope.ingest.live.live_source import (
    WHOLE,
    QuarantinedInput,
    SourceChunk,
    SourceContext,
    SourceKind,
    SourceSink,
)
from nephoscope.ingest.source_failures import SourceError
from nephoscope.model.extras import get_install_command
from nephoscope.model.secret_redaction import redact_text

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

_TIMEOUT = 30.0
#: Keys of errors of brokers, and of offsets that the group does not take.
_BROKERS, _COMMIT = "brokers", "offsets"
#: Seconds between two looks at brokers that were in trouble, and for the answer of one.
_LOOK_SECONDS, _ANSWER = 15.0, 5.0


@dataclass(slots=True)
class EventHubSource:
    """Consumes as a member of a group; offsets are committed once the lake has what lies before them on disk."""

    settings: BrokerSettings
    around: SourceContext
    _feeds: dict[tuple[str, int], str] = field(default_factory=dict)
    _sink: SourceSink | None = None
    _look_at: float = 0.0
    _troubles: SimpleQueue[KafkaError] = field(default_factory=SimpleQueue)
    _log: BrokerLog = field(default_factory=BrokerLog)

    def test(self) -> str:
        """Sign in and read the partitions of every topic."""
        consumer = self._open_consumer()
        try:
            found = []
            for topic in self.settings.topics:
                about = self._ask_brokers(lambda topic=topic: consumer.list_topics(topic, _TIMEOUT)).topics[
                    topic
                ]
                if about.error is not None:
                    raise SourceError(f"{topic}: {about.error.str()}")
                found.append(f"{topic}: {len(about.partitions)} partition(s)")
            return ", ".join(found)
        finally:
            consumer.close()

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Consume until stopped; raises SourceError for brokers that cannot be reached or do not let us in."""
        from confluent_kafka import KafkaException

        self._sink, self._feeds, self._look_at = sink, {}, 0.0
        consumer = self._open_consumer()
        try:
            consumer.subscribe(
                list(self.settings.topics), on_assign=self._assign_partitions, on_lost=_report_lost_partitions
            )
            while not stop.is_set():
                messages = consumer.consume(self.settings.batch, 0.5)
                while not self._troubles.empty():
                    self._report_failure(self._troubles.get(), sink, _BROKERS)
                self._check_partitions(consumer, sink)
                if messages:
                    self._pass_messages(consumer, messages, sink)
        except KafkaException as error:
            raise SourceError(self._format_error(error.args[0])) from error
        finally:
            consumer.close()

    def _pass_messages(self, consumer: Consumer, messages: list[Message], sink: SourceSink) -> None:
        parts: dict[tuple[str, int], list[Message]] = {}
        for message in messages:
            error = message.error()
            if error is None:
                parts.setdefault((message.topic() or "", message.partition() or 0), []).append(message)
            else:
                self._report_failure(error, sink, f"partition:{message.topic()}/{message.partition()}")
        for place, some in parts.items():
            pieces = tuple(_build_piece(one, self.settings.format) for one in some if one.value())
            empty = tuple(_quarantine_empty_message(one) for one in some if not one.value())
            if (some[0].offset() or 0) <= sink.get_last_sequence(self._build_feed_name(*place, sink)):
                self._reset_feed(place, sink)
            sink.write_batch(
                self._build_feed_name(*place, sink), some[-1].offset() or 0, pieces, refused=empty
            )
            sink.report_working(f"partition:{place[0]}/{place[1]}")
        if parts:
            self._commit_offsets(consumer, parts)
            sink.report_health(lag=_count_unread_messages(consumer))

    def _check_partitions(self, consumer: Consumer, sink: SourceSink) -> None:
        """After a broker was in trouble: whether every one answers again that has a partition of ours."""
        from confluent_kafka import KafkaException

        if monotonic() < self._look_at or not consumer.assignment():
            return
        try:
            for partition in consumer.assignment():
                consumer.get_watermark_offsets(partition, _ANSWER)
        except KafkaException:
            self._look_at = monotonic() + _LOOK_SECONDS
            return
        self._look_at = math.inf
        self._log.log_recovery()
        sink.report_working(_BROKERS)

    def _report_failure(self, error: KafkaError, sink: SourceSink, key: str) -> None:
        """An event in place of a message: those that pass by themselves are told, the others end the source."""
        if error.fatal() or error.code() in _LOCKED_OUT:
            raise SourceError(self._format_error(error))
        sink.report_health(error=self._format_error(error), key=key)
        if key == _BROKERS:
            self._look_at = monotonic() + _LOOK_SECONDS

    def _commit_offsets(self, consumer: Consumer, parts: Iterable[tuple[str, int]]) -> None:
        """Commit what the lake has. Where the group has moved on meanwhile, the next owner finds the sequences in the lake."""
        from confluent_kafka import KafkaException, TopicPartition

        assert self._sink is not None
        behind = [
            TopicPartition(
                topic,
                number,
                self._sink.get_last_sequence(self._build_feed_name(topic, number, self._sink)) + 1,
            )
            for topic, number in parts
        ]
        try:
            consumer.commit(offsets=behind, asynchronous=False)
        except KafkaException as error:
            problem = f"offsets not committed: {self._format_error(error.args[0])}"
            self._sink.report_health(error=problem, key=_COMMIT)
        else:
            self._sink.report_working(_COMMIT)

    def _reset_feed(self, place: tuple[str, int], sink: SourceSink) -> None:
        """Begin another feed for a partition: reading began behind what the lake has, so the broker counts from 0 again."""
        key = f"partition:{place[0]}/{place[1]}"
        sink.save_checkpoint(key, {"made": (sink.get_checkpoint(key) or {}).get("made", 0) + 1})
        self._feeds.pop(place, None)

    def _build_feed_name(self, topic: str, number: int, sink: SourceSink) -> str:
        """The feed of a partition: a new one after its topic was made anew and counts from 0 again."""
        if (topic, number) not in self._feeds:
            kept = sink.get_checkpoint(f"partition:{topic}/{number}") or {}
            self._feeds[topic, number] = f"{topic}/{number}" + (
                f"#{kept['made']}" if kept.get("made") else ""
            )
        return self._feeds[topic, number]

    def _assign_partitions(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin each partition behind what the lake has of it, or where the group stands, whichever is further."""
        sink = self._sink
        assert sink is not None
        committed = {
            (one.topic, one.partition): one.offset for one in consumer.committed(partitions, _TIMEOUT)
        }
        for partition in partitions:
            place = (partition.topic, partition.partition)
            self._feeds.pop(place, None)
            behind = sink.get_last_sequence(self._build_feed_name(*place, sink)) + 1
            partition.offset = max(behind, committed[place]) if behind else committed[place]
        consumer.assign(partitions)
        sink.report_working(WHOLE)

    def _open_consumer(self) -> Consumer:
        try:
            from confluent_kafka import Consumer, KafkaException
        except ImportError as error:
            raise SourceError(
                f"event_hub requires the extra kafka: {get_install_command('kafka')}"
            ) from error
        try:
            return Consumer(self._build_configuration(), logger=self._log)
        except (KafkaException, ValueError) as error:
            raise SourceError(f"event_hub: {redact_text(str(error))}") from error

    def _build_configuration(self) -> dict[str, object]:
        chosen = self.settings
        sasl = chosen.sign_in not in ("certificate", "none")
        found: dict[str, object] = {
            "bootstrap.servers": ",".join(chosen.brokers),
            "group.id": chosen.group,
            "client.id": "nephoscope",
            "error_cb": self._troubles.put,
            "security.protocol": ("sasl_" if sasl else "") + ("ssl" if chosen.tls else "plaintext"),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": chosen.start,
            "partition.assignment.strategy": "roundrobin",
            # Event Hubs close idle connections after 240 s; Microsoft names these values.
            "metadata.max.age.ms": 180_000,
            "connections.max.idle.ms": 180_000,
            "session.timeout.ms": int(chosen.session * 1000),
            "heartbeat.interval.ms": int(chosen.session * 1000 / 6),
            # As long as a full lake may make us wait before the group gives the partitions to another.
            "max.poll.interval.ms": 600_000,
            # A broker that is down is tried less and less often.
            "reconnect.backoff.ms": 500,
            "reconnect.backoff.max.ms": 10_000,
        }
        given = {
            "ssl.ca.location": chosen.ca,
            "ssl.certificate.location": chosen.certificate,
            "ssl.key.location": chosen.key or chosen.certificate,
        }
        return found | {name: value for name, value in given.items() if value} | self._build_sasl_settings()

    def _build_sasl_settings(self) -> dict[str, object]:
        chosen = self.settings
        if chosen.sign_in in ("certificate", "none"):
            return {}
        if chosen.sign_in == "entra":
            return {"sasl.mechanisms": "OAUTHBEARER", "oauth_cb": self._fetch_token}
        username = CONNECTION_STRING if chosen.sign_in == "connection-string" else chosen.username
        mechanism = "PLAIN" if chosen.sign_in == "connection-string" else chosen.sign_in.upper()
        return {
            "sasl.mechanisms": mechanism,
            "sasl.username": username,
            "sasl.password": self.around.get_secret("password"),
        }

    def _fetch_token(self, _: str) -> tuple[str, float]:
        from nephoscope.connect.cloud import load_cloud
        from nephoscope.connect.credentials import create_credential_source

        host = self.settings.brokers[0].rpartition(":")[0]
        token = create_credential_source(
            self.settings.credential, load_cloud(self.settings.cloud)
        )().get_token(f"https://{host}/.default")
        return token.token, float(token.expires_on)

    def _ask_brokers(self, ask: Any) -> Any:
        """Ask the brokers; where they do not answer, what the connection said of itself is the reason."""
        from confluent_kafka import KafkaException

        try:
            return ask()
        except KafkaException as error:
            reasons = [error.args[0]]
            while not self._troubles.empty():
                reasons.append(self._troubles.get())
            reasons.sort(key=lambda one: one.code() not in _LOCKED_OUT)
            raise SourceError(self._format_error(reasons[0])) from error

    def _format_error(self, error: object) -> str:
        text = error.str() if hasattr(error, "str") else str(error)
        return f"{', '.join(self.settings.brokers)}: {redact_text(text)}"


#: Codes of librdkafka that trying again does not mend: not authorized for the topic or the group, not signed in.
_LOCKED_OUT = frozenset({29, 30, 31, 58, -169})


def _report_lost_partitions(consumer: Consumer, _: list[TopicPartition]) -> None:
    """The group has given the partitions away without us: nothing may be committed; the lake knows what it has."""
    consumer.unassign()


def _build_piece(message: Message, form: str) -> SourceChunk:
    return SourceChunk(message.value() or b"", message.topic() or "", form, _format_place(message))


def _quarantine_empty_message(message: Message) -> QuarantinedInput:
    return QuarantinedInput(message.topic() or "", _format_place(message), "a message without a value", "")


def _format_place(message: Message) -> str:
    return f"partition {message.partition()} offset {message.offset()}"


def _count_unread_messages(consumer: Consumer) -> float:
    """The messages that the partitions hold behind what was read, as last seen."""
    left = 0
    for partition in consumer.position(consumer.assignment()):
        high = consumer.get_watermark_offsets(partition, cached=True)[1]
        left += max(0, high - partition.offset) if partition.offset >= 0 and high >= 0 else 0
    return float(left)


KIND = SourceKind(
    "event_hub",
    "Event Hubs over their Kafka endpoint, and Kafka",
    BrokerSettings,
    EventHubSource,
    secrets={"password": "The connection string of the namespace or hub, or the password of the user."},
    shared=True,
    check=check_settings,
    binds=frozenset(
        {"brokers", "sign_in", "username", "tls", "ca", "certificate", "key", "credential", "cloud"}
    ),
    uses=list_secrets_in_use,
    owned={
        "brokers": privileged_settings.BROKERS,
        "credential": privileged_settings.IDENTITY_OF_ENTRA,
        "cloud": privileged_settings.CLOUD,
        **{name: privileged_settings.declare_file_setting(name) for name in ("ca", "certificate", "key")},
    },
    label="Event Hubs",
)

"""How an Apache Kafka server for tests is set up, in a container or not: one node, quick to answer, quick to clean."""


def server_properties(client_port: int, controller_port: int, *, bind: str, advertised: str) -> dict[str, str]:
    """`server.properties` of a combined broker and controller (KRaft)."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://{bind}:{client_port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{advertised}:{client_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        # Kafka's default is on, and Burnline must not depend on either.
        "auto.create.topics.enable": "true",
        "num.partitions": "1",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # A broker that was killed is let in again only when its former session has ended.
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "500",
        # Background work that waits for minutes by default, so that a test can see it done.
        "log.initial.task.delay.ms": "100",
        "log.cleaner.backoff.ms": "100",
        "log.segment.delete.delay.ms": "1000",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
    }

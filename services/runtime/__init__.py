"""The only place that knows Kafka and Faust: processors run here, on three engines, under one set of promises."""

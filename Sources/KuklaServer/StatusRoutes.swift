import Foundation
import HTTPTypes
import Hummingbird
import KuklaFormats
import KuklaNumerics
import KuklaStore
import KuklaText

/// How the server is: `/healthz`, `/readyz`, `/metrics`, `/status`.
struct StatusRoutes {
    let server: APIServer

    func add(to router: Router<RequestScope>) {
        router.get("healthz") { _, _ in JSONWriter.response { $0.member("status", "ok") } }
        router.get("readyz") { _, _ in
            let isReady = server.isReady.withLock { $0 }
            return JSONWriter.response(status: isReady ? .ok : .serviceUnavailable) {
                $0.member("status", isReady ? "ready" : "starting")
            }
        }
        router.get("metrics") { _, context in
            try context.principal.require(.read)
            try await server.reading.run { try measureCollections() }
            return Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: server.metrics.registry.text)))
        }
        router.get("status") { _, context in
            try context.principal.require(.read)
            return try await server.reading.run { try status(for: context.principal) }
        }
    }

    private func status(for principal: Principal) throws(KuklaError) -> Response {
        let metrics = server.metrics
        let rates = metrics.rates
        let names = (server.store?.names ?? []).map(\.description).filter(principal.mayRead)
        let aliases = try server.store?.aliases() ?? [:]
        return JSONWriter.response { object in
            object.member("version", server.version)
            object.member("uptime_seconds", metrics.started.duration(to: .now) / .seconds(1))
            object.member("model") { writer in
                guard let served = server.served else { return writer.null() }
                writer.object { model in
                    model.member("id", served.name)
                    model.member("digest", served.identity.digest)
                    model.member("compatible_with", served.identity.compatibleWith)
                    model.member("dimensions", served.dimensions)
                    model.member("maximum_length", served.model.encoder.maximumLength)
                    model.member("sizes", served.recorded().map(\.description))
                }
            }
            object.member("click_models", server.clickModels.map(\.name))
            object.member("queue") { writer in
                writer.object { queue in
                    queue.member("waiting", server.queue?.waitingTexts ?? 0)
                    queue.member("capacity", server.queue?.capacity ?? 0)
                }
            }
            object.member("requests") { writer in
                writer.object { requests in
                    requests.member("total", Int(metrics.registry.total("kukla_requests_total")))
                    requests.member("errors", rates.errors)
                    requests.member("rate_1m", rates.perSecond)
                    requests.member("latency_ms") { writer in
                        writer.object { latencies in
                            for kind in ServerMetrics.Quick.allCases {
                                latencies.member(kind.rawValue) { $0.quantiles(of: kind, metrics) }
                            }
                        }
                    }
                }
            }
            object.member("memory_bytes", ProcessMemory.resident)
            object.member("threads", server.configuration.threads)
            object.member("collections", names.count)
            object.member("aliases") { writer in
                writer.object { object in
                    for (alias, name) in aliases.sorted(by: { $0.key.description < $1.key.description })
                    where principal.mayRead(name.description) {
                        object.member(alias.description, name.description)
                    }
                }
            }
        }
    }

    /// Puts the figures of collections into the metrics.
    private func measureCollections() throws(KuklaError) {
        let registry = server.metrics.registry
        let gauges = [
            "items", "index_items", "index_deleted", "index_file_bytes", "database_bytes", "bytes_per_vector",
            "fresh_items", "unheld_items",
        ]
        for gauge in gauges { registry.clear("kukla_collection_\(gauge)") }
        guard let store = server.store else { return }
        for name in store.names {
            let info = try store.collection(name.description).info()
            let values: [Double] = [
                Double(info.count), Double(info.index?.count ?? 0), Double(info.index?.deleted ?? 0),
                Double(info.index?.fileBytes ?? 0), Double(info.databaseBytes),
                info.index?.bytesPerVector ?? 0,
                Double(info.fresh), Double(info.unheld),
            ]
            for (gauge, value) in zip(gauges, values) {
                registry.set("kukla_collection_\(gauge)", to: value, [("collection", info.name)])
            }
        }
    }
}

extension JSONWriter {
    /// Latencies in milliseconds, null where nothing was asked for.
    fileprivate mutating func quantiles(of kind: ServerMetrics.Quick, _ metrics: ServerMetrics) {
        object { latency in
            for (name, quantile) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
                latency.member(name, metrics.latency(of: kind, quantile).map { $0 * 1000 })
            }
        }
    }
}

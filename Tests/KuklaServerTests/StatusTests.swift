import Foundation
import HTTPTypes
import KuklaTestSupport
import Testing

/// How the server tells how it is.
@Suite struct StatusTests {
    @Test("the metrics are Prometheus's text, and count what was asked")
    func metrics() async throws {
        try await ServerFixture().run { client in
            for _ in 0..<3 {
                _ = try await client.post("/v1/embeddings", #"{"model": "tiny", "input": "a man"}"#)
            }
            _ = try await client.get("/nothing")
            let answer = try await client.get("/metrics")
            #expect(answer.status == 200)
            let lines = answer.text.split(separator: "\n").map(String.init)
            #expect(
                lines.contains(
                    #"kukla_requests_total{method="POST",route="/v1/embeddings",status="200"} 3"#))
            #expect(lines.contains { $0.hasPrefix("kukla_embedding_tokens_total ") })
            // Every line is a comment or a name, labels and a number.
            let line = /[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? [-+0-9.e]+(Inf)?/
            for text in lines where !text.hasPrefix("#") {
                #expect(text.wholeMatch(of: line) != nil, "\(text)")
            }
            // Buckets only grow.
            var last: [String: Int] = [:]
            for text in lines where text.contains("_bucket") {
                let key = String(text.split(separator: "le=")[0])
                let count = Int(text.split(separator: " ").last ?? "") ?? -1
                #expect(count >= last[key] ?? 0)
                last[key] = count
            }
        }
    }

    @Test("the status says what the server has and how fast it answers")
    func status() async throws {
        try await ServerFixture().run { client in
            _ = try await client.get("/healthz")
            let status = try await client.get("/status").object
            let model = status["model"] as? [String: Any]
            #expect(model?["id"] as? String == "tiny")
            #expect(model?["dimensions"] as? Int == 16)
            #expect((model?["digest"] as? String)?.count == 64)
            let requests = status["requests"] as? [String: Any]
            #expect(requests?["total"] as? Int == 1)
            let latencies = requests?["latency_ms"] as? [String: [String: Any]]
            #expect(latencies?["searches"]?["p99"] is NSNull)
            #expect(status["memory_bytes"] as? Int ?? 0 > 1_000_000)
        }
    }

    @Test("latencies are told by kind, and long operations are in none")
    func latencies() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            _ = try await client.post("/collections/a/import", #"{"id": 1, "vector": [1, 0]}"#)
            _ = try await client.post("/collections/a/compact", "{}")
            func latencies() async throws -> [String: [String: Any]] {
                let requests = try await client.get("/status").object["requests"] as? [String: Any]
                return requests?["latency_ms"] as? [String: [String: Any]] ?? [:]
            }
            let before = try await latencies()
            #expect(Set(before.keys) == ["searches", "embeddings"])
            #expect(before.values.allSatisfy { $0.count == 3 && $0.values.allSatisfy { $0 is NSNull } })
            #expect(try await client.post("/collections/a/search", #"{"vector": [1, 0]}"#).status == 200)
            let searched = try await latencies()
            #expect(searched["searches"]?["p99"] as? Double ?? 0 > 0)
            #expect(searched["embeddings"]?["p99"] is NSNull)
            #expect(try await client.post("/embed", #"{"inputs": "a man"}"#).status == 200)
            #expect(try await latencies()["embeddings"]?["p50"] as? Double ?? 0 > 0)
        }
    }

    @Test("the id that a client gives its request is kept, unless it is no plain word")
    func requestID() async throws {
        try await ServerFixture().run { client in
            let name = HTTPFieldNames.requestID
            let own = try await client.ask(.get, "/healthz", headers: [name: "abc-123"])
            #expect(own.headers[name] == "abc-123")
            let odd = try await client.ask(.get, "/healthz", headers: [name: "a b{}"])
            #expect(odd.headers[name] != "a b{}")
            #expect(odd.headers[name]?.isEmpty == false)
        }
    }

    @Test("a server without a model says so by not knowing the paths")
    func noModel() async throws {
        try await ServerFixture(hasModel: false).run { client in
            let embedding = try await client.post("/v1/embeddings", "{}")
            #expect(embedding.status == 404)
            let status = try await client.get("/status")
            #expect(status.object["model"] is NSNull)
        }
    }
}

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
            let requests = status["requests"] as? [String: Any]
            #expect(requests?["total"] as? Int == 1)
            #expect(status["memory_bytes"] as? Int ?? 0 > 1_000_000)
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

import Foundation
import HTTPTypes
import KuklaServer
import KuklaTestSupport
import Testing

/// The estimate of what live searches find, and the time that it takes.
@Suite struct RecallMonitorTests {
    /// The value of a metric's line, whatever its labels; nil where there is none.
    private func value(_ name: String, in text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix(name) }
            .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
    }

    /// A collection `a` of 600 items with an index of one bit a dimension, so that searches may miss something.
    private func fill(_ client: ServerFixture.Client) async throws {
        _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 16, "plan": "B1"}"#)
        let items = (0..<600).map { #"{"id": \#($0), "vector": [\#(vector($0))]}"# }
        let written = try await client.post(
            "/collections/a/items", #"{"items": [\#(items.joined(separator: ","))]}"#)
        #expect(written.status == 200, "\(written.text)")
        #expect(try await client.post("/collections/a/compact", "{}").status == 200)
    }

    private func vector(_ number: Int) -> String {
        (0..<16).map { String(sin(Double(number * 16 + $0) * 12.9898) * 10) }.joined(separator: ",")
    }

    private func search(_ client: ServerFixture.Client, _ number: Int) async throws {
        let body = #"{"vector": [\#(vector(10_000 + number))], "k": 10, "candidates": 10}"#
        #expect(try await client.post("/collections/a/search", body).status == 200)
    }

    @Test("metrics say what searches found, after searches and a check, and not before")
    func estimate() async throws {
        let fixture = try ServerFixture()
        try await fixture.run { client in
            try await fill(client)
            let gauge = "kukla_collection_recall_estimate{"
            fixture.server.recall?.checkAll()
            #expect(value(gauge, in: try await client.get("/metrics").text) == nil)
            for number in 0..<20 { try await search(client, number) }
            #expect(value(gauge, in: try await client.get("/metrics").text) == nil)
            fixture.server.recall?.checkAll()
            let text = try await client.get("/metrics").text
            #expect(text.contains(#"kukla_collection_recall_estimate{collection="a"} "#))
            // The ten best by 16 signs are some of the ten best, and not all.
            let found = try #require(value(gauge, in: text))
            #expect(found > 0.05 && found < 0.95)
            #expect(try #require(value("kukla_recall_check_seconds_total", in: text)) > 0)
            // It goes with the collection.
            #expect(try await client.ask(.delete, "/collections/a").status == 200)
            fixture.server.recall?.checkAll()
            #expect(value(gauge, in: try await client.get("/metrics").text) == nil)
        }
    }

    @Test("checks take a hundredth of the time, however often it is looked and searched")
    func share() async throws {
        let fixture = try ServerFixture()
        try await fixture.run { client in
            try await fill(client)
            try await search(client, 0)
            let start = ContinuousClock.now
            var spent: [Double] = []
            var number = 0
            while start.duration(to: .now) < .seconds(1.5) || spent.count < 2 {
                number += 1
                try await search(client, number)
                fixture.server.recall?.checkAll()
                let text = try await client.get("/metrics").text
                let now = try #require(value("kukla_recall_check_seconds_total", in: text))
                if now > spent.reduce(0, +) + 1e-9 { spent.append(now - spent.reduce(0, +)) }
                guard start.duration(to: .now) < .seconds(60) else { break }
            }
            let elapsed = start.duration(to: .now) / .seconds(1)
            // Of the last one the pause is still going on.
            #expect(spent.count >= 2)
            #expect(spent.dropLast().reduce(0, +) <= 0.01 * elapsed, "\(spent) of \(elapsed) s")
        }
    }
}

import Foundation
import HTTPTypes
import KuklaServer
import KuklaStore
import KuklaTestSupport
import Testing

/// Finding items.
@Suite struct CollectionSearchTests {
    private func ids(_ answer: ServerFixture.Client.Answer) -> [String] {
        (answer.object["hits"] as? [[String: Any]] ?? []).map { "\($0["id"] ?? "")" }
    }

    private func fill(_ client: ServerFixture.Client) async throws {
        _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
        let answer = try await client.post(
            "/collections/a/items",
            #"""
            {"items": [{"id": "east", "vector": [1, 0], "text": "the sun rises", "metadata": {"n": 1}},
                       {"id": "north", "vector": [0, 1], "text": "snow falls", "metadata": {"n": 2}},
                       {"id": "northeast", "vector": [1, 1], "text": "the sun and snow", "metadata": {"n": 3}}]}
            """#)
        #expect(answer.status == 200)
    }

    @Test("by vector, by words, by both, under a filter")
    func manners() async throws {
        try await ServerFixture().run { client in
            try await fill(client)
            let near = try await client.post("/collections/a/search", #"{"vector": [2, 0.1], "k": 2}"#)
            #expect(ids(near) == ["east", "northeast"])
            let first = (near.object["hits"] as? [[String: Any]])?.first
            #expect(abs((first?["score"] as? Double ?? 0) - 0.9987) < 1e-3)
            #expect(first?["vector_rank"] as? Int == 1 && first?["text_rank"] is NSNull)
            #expect(first?["text"] as? String == "the sun rises")
            let timing = near.object["timing"] as? [String: Double]
            #expect(timing?["embed_ms"] == 0 && timing?["search_ms"] ?? 0 > 0)

            let words = try await client.post("/collections/a/search", #"{"text": "snow", "by": "words"}"#)
            #expect(Set(ids(words)) == ["north", "northeast"])
            // The model has other dimensions than the collection: a text is its words.
            #expect(ids(try await client.post("/collections/a/search", #"{"text": "snow"}"#)) == ids(words))
            let both = try await client.post(
                "/collections/a/search", #"{"vector": [1, 0], "text": "falls", "k": 1}"#)
            #expect(ids(both).count == 1)
            let filtered = try await client.post(
                "/collections/a/search",
                #"{"vector": [1, 0], "where": {"n": {"$gte": 2}}, "with_vectors": true, "with_text": false}"#)
            #expect(ids(filtered) == ["northeast", "north"])
            let hit = (filtered.object["hits"] as? [[String: Any]])?.first
            #expect(hit?["vector"] as? [Double] == [1, 1] && hit?["text"] == nil)
        }
    }

    @Test("a text is searched by the model's vector too where the collection is the model's")
    func text() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a")
            _ = try await client.post(
                "/collections/a/items",
                #"{"items": [{"id": 1, "text": "a man plays"}, {"id": 2, "text": "a dog runs"}]}"#)
            let both = try await client.post("/collections/a/search", #"{"text": "a dog runs"}"#)
            let first = (both.object["hits"] as? [[String: Any]])?.first
            #expect(first?["id"] as? Int == 2)
            #expect(first?["vector_rank"] as? Int == 1 && first?["text_rank"] as? Int == 1)
            let vector = try await client.post(
                "/collections/a/search", #"{"text": "a dog runs", "by": "vector"}"#)
            let hit = (vector.object["hits"] as? [[String: Any]])?.first
            #expect(hit?["text_rank"] is NSNull && abs((hit?["distance"] as? Double ?? 1)) < 1e-4)
            #expect((vector.object["timing"] as? [String: Double])?["embed_ms"] ?? 0 > 0)
        }
    }

    @Test(
        "searches that make no sense are refused with the member at fault",
        arguments: [
            ("{}", "vector"), (#"{"vector": [1]}"#, "vector"), (#"{"vector": [0, 0]}"#, "vector"),
            (#"{"vector": []}"#, "vector"), (#"{"vector": [1, NaN]}"#, "vector"),
            (#"{"vector": "1"}"#, "vector"),
            (#"{"vector": [1, 1e99]}"#, "vector"),
            (#"{"vector": [1, 1], "k": 0}"#, "k"), (#"{"vector": [1, 1], "k": 10001}"#, "k"),
            (#"{"vector": [1, 1], "k": 1.5}"#, "k"),
            (#"{"vector": [1, 1], "where": {"a": {"$near": 1}}}"#, "where"),
            (#"{"vector": [1, 1], "where": []}"#, "where"), (#"{"vector": [1, 1], "by": "words"}"#, "by"),
            (#"{"vector": [1, 1], "by": "smell"}"#, "by"),
            (#"{"vector": [1, 1], "candidates": 3}"#, "candidates"),
            (#"{"vector": [1, 1], "effort": 0}"#, "effort"), (#"{"vector": [1, 1], "topk": 3}"#, "topk"),
            (#"{"text": "a", "by": "vector"}"#, "text"), (#"{"text": 4}"#, "text"),
            (#"{"vector": [1, 1], "recall": 1.5}"#, "recall"),
            (#"{"vector": [1, 1], "recall": 0.9, "effort": 4}"#, "recall"),
        ])
    func badSearches(body: String, parameter: String) async throws {
        try await ServerFixture().run { client in
            try await fill(client)
            let answer = try await client.post("/collections/a/search", body)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(answer.error["param"] as? String == parameter, "\(answer.text)")
            let message = answer.error["message"] as? String ?? ""
            #expect([".", "?"].contains(message.last) && message.count > 20, "\(message)")
        }
    }
}

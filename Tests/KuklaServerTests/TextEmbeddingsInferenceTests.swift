import Foundation
import KuklaTestSupport
import Testing

/// The dialect of text-embeddings-inference.
@Suite struct TextEmbeddingsInferenceTests {
    @Test("embed gives a list of vectors, for one text too")
    func embed() async throws {
        try await ServerFixture().run { client in
            let one = try await client.post("/embed", #"{"inputs": "a man plays", "unknown": 1}"#)
            let two = try await client.post("/embed", #"{"inputs": ["a man plays", "two dogs"]}"#)
            let first = try #require(one.json as? [[Double]])
            let both = try #require(two.json as? [[Double]])
            #expect(first.count == 1)
            #expect(both.count == 2)
            #expect(zip(first[0], both[0]).allSatisfy { abs($0 - $1) < 1e-6 })
            #expect(abs(both[1].reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        }
    }

    @Test("rerank orders texts by their cosine to the query, as similarity gives it")
    func rerank() async throws {
        try await ServerFixture().run { client in
            let texts = #"["two dogs eat an apple", "a man plays", "a bird"]"#
            let similar = try await client.post(
                "/similarity",
                #"{"inputs": {"source_sentence": "a man plays", "sentences": \#(texts)}}"#)
            let scores = try #require(similar.json as? [Double])
            #expect(abs(scores[1] - 1) < 1e-5)
            let answer = try await client.post(
                "/rerank", #"{"query": "a man plays", "texts": \#(texts), "return_text": true}"#)
            let ranked = try #require(answer.json as? [[String: Any]])
            let order = ranked.compactMap { $0["index"] as? Int }
            #expect(order == scores.indices.sorted { scores[$0] > scores[$1] })
            #expect(ranked[0]["text"] as? String == "a man plays")
        }
    }

    @Test("tokenize names the tokens, special ones where they are asked for")
    func tokenize() async throws {
        try await ServerFixture().run { client in
            let with = try await client.post("/tokenize", #"{"inputs": "a man"}"#)
            let without = try await client.post(
                "/tokenize", #"{"inputs": "a man", "add_special_tokens": false}"#)
            func words(_ answer: ServerFixture.Client.Answer) -> [String] {
                (answer.json as? [[[String: Any]]])?.first?.compactMap { $0["text"] as? String } ?? []
            }
            #expect(words(with) == ["[CLS]", "a", "man", "[SEP]"])
            #expect(words(without) == ["a", "man"])
        }
    }

    @Test("errors have the dialect's form")
    func errors() async throws {
        try await ServerFixture().run { client in
            for (path, body) in [
                ("/embed", "{}"), ("/embed", #"{"inputs": 5}"#), ("/embed", #"{"inputs": []}"#),
                ("/rerank", #"{"query": "a"}"#), ("/similarity", #"{"inputs": {}}"#),
                ("/tokenize", "nothing"),
            ] {
                let answer = try await client.post(path, body)
                #expect(answer.status == 422, "\(path) \(body)")
                #expect(answer.object["error_type"] as? String == "Validation")
                #expect(answer.object["error"] is String)
            }
        }
    }

    @Test("info says what the model is")
    func info() async throws {
        try await ServerFixture().run { client in
            let info = try await client.get("/info").object
            #expect(info["model_id"] as? String == "tiny")
            #expect(info["max_input_length"] as? Int == 20)
            let type = info["model_type"] as? [String: [String: Any]]
            #expect(type?["embedding"]?["pooling"] as? String == "mean")
        }
    }

    @Test(
        "info says how the model pools",
        arguments: [
            (#""pooling_mode_cls_token": true"#, "cls"), (#""pooling_mode_max_tokens": true"#, "max"),
            (#""pooling_mode_lasttoken": true"#, "last_token"),
            (#""pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true"#, "cls+mean"),
        ])
    func pooling(mode: String, name: String) async throws {
        let fixture = try ServerFixture { model in
            let text = #"{"word_embedding_dimension": 16, \#(mode)}"#
            try Data(text.utf8).write(to: model.appending(path: "1_Pooling/config.json"))
        }
        try await fixture.run { client in
            let type = try await client.get("/info").object["model_type"] as? [String: [String: Any]]
            #expect(type?["embedding"]?["pooling"] as? String == name)
        }
    }
}

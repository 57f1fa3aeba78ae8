import Foundation
import HTTPTypes
import KuklaNumerics
import KuklaTestSupport
import KuklaText
import Testing

/// `/v1/embeddings`.
@Suite struct OpenAITests {
    private static func vectors(_ answer: ServerFixture.Client.Answer) -> [[Double]] {
        (answer.object["data"] as? [[String: Any]] ?? []).compactMap { $0["embedding"] as? [Double] }
    }

    @Test("texts get the vectors that the model gives them, in their order, with usage")
    func vectors() async throws {
        let fixture = try ServerFixture()
        let model = try EmbeddingModel(folder: fixture.folder.url.appending(path: "tiny"))
        let texts = TinyModel.sentences(50)
        let expected = try model.embed(texts).vectors
        try await fixture.run { client in
            let input = texts.map { "\"\($0)\"" }.joined(separator: ",")
            let answer = try await client.post("/v1/embeddings", #"{"model": "tiny", "input": [\#(input)]}"#)
            #expect(answer.status == 200)
            let found = Self.vectors(answer)
            #expect(found.count == 50)
            for (row, vector) in found.enumerated() {
                let difference = zip(vector, expected.row(row)).map { abs($0 - Double($1)) }.max() ?? 1
                #expect(difference < 1e-5)
            }
            let usage = answer.object["usage"] as? [String: Int]
            // The tiny model's sentences: each word is a token, and two special ones.
            let words = texts.reduce(0) { $0 + $1.split(separator: " ").count + 2 }
            #expect(usage?["prompt_tokens"] == words)
            #expect(answer.object["object"] as? String == "list")
        }
    }

    @Test("the encodings say the same vector, packed ones as bits of its signs")
    func encodings() async throws {
        try await ServerFixture().run { client in
            func embedding(_ format: String) async throws -> Any? {
                let answer = try await client.post(
                    "/v1/embeddings",
                    #"{"model": "tiny", "input": "a man plays", "encoding_format": "\#(format)"}"#)
                #expect(answer.status == 200)
                return (answer.object["data"] as? [[String: Any]])?.first?["embedding"]
            }
            let floats = try #require(try await embedding("float") as? [Double])
            let text = try #require(try await embedding("base64") as? String)
            let data = try #require(Data(base64Encoded: text))
            let decoded = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
            #expect(decoded == floats.map { Float($0) })
            let largest = floats.map(abs).max() ?? 0
            let whole = try #require(try await embedding("int8") as? [Int])
            #expect(whole == floats.map { Int(($0 / largest * 127).rounded()) })
            let bytes = try #require(try await embedding("ubinary") as? [Int])
            #expect(bytes.count == 2)
            for (place, value) in floats.enumerated() {
                #expect((bytes[place / 8] >> (7 - place % 8)) & 1 == (value > 0 ? 1 : 0))
            }
            #expect(try await embedding("binary") as? [Int] == bytes.map { $0 - 128 })
        }
    }

    @Test("tokens count as the text that they are the tokens of")
    func tokens() async throws {
        let fixture = try ServerFixture()
        let model = try EmbeddingModel(folder: fixture.folder.url.appending(path: "tiny"))
        let ids = model.tokenizer.encode("two dogs eat").ids.dropFirst().dropLast()
        try await fixture.run { client in
            let text = try await client.post("/v1/embeddings", #"{"model": "tiny", "input": "two dogs eat"}"#)
            let one = try await client.post("/v1/embeddings", #"{"model": "tiny", "input": \#(Array(ids))}"#)
            let many = try await client.post(
                "/v1/embeddings", #"{"model": "tiny", "input": [\#(Array(ids))]}"#)
            #expect(Self.vectors(text).count == 1)
            #expect(Self.vectors(text) == Self.vectors(one))
            #expect(Self.vectors(text) == Self.vectors(many))
            let bad = try await client.post("/v1/embeddings", #"{"model": "tiny", "input": [5, 100000]}"#)
            #expect(bad.status == 400)
            #expect(bad.code == "invalid_token")
        }
    }

    @Test("sizes that nobody has measured are refused, and given where the server is told to")
    func unmeasured() async throws {
        let body = #"{"model": "tiny", "input": "a man", "dimensions": 8}"#
        try await ServerFixture().run { client in
            let answer = try await client.post("/v1/embeddings", body)
            #expect(answer.status == 400)
            #expect(answer.code == "unmeasured_size")
            #expect((answer.error["message"] as? String ?? "").contains("kukla eval sizes"))
            let all = try await client.post(
                "/v1/embeddings", #"{"model": "tiny", "input": "a man", "dimensions": 16}"#)
            #expect(all.status == 200)
        }
        try await ServerFixture(allowsUnmeasured: true).run { client in
            let answer = try await client.post("/v1/embeddings", body)
            let vector = try #require(Self.vectors(answer).first)
            #expect(vector.count == 8)
            #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
            let packed = try await client.post(
                "/v1/embeddings",
                #"{"model": "tiny", "input": "a man", "dimensions": 8, "encoding_format": "ubinary"}"#)
            let bytes = (packed.object["data"] as? [[String: Any]])?.first?["embedding"] as? [Int]
            #expect(bytes?.count == 1)
            let odd = try await client.post(
                "/v1/embeddings",
                #"{"model": "tiny", "input": "a man", "dimensions": 12, "encoding_format": "binary"}"#)
            #expect(odd.status == 400)
        }
    }

    @Test("a size that was recorded is given in the forms it was recorded in")
    func recorded() async throws {
        let fixture = try ServerFixture(preparing: { model in
            var entry = SizeTable.Entry(ModelSize(layers: 2, dimensions: 8), quality: 0.7)
            entry.binary = 0.6
            try SizeTable.record([entry], metric: "spearman", measuredOn: "x.csv", in: model)
        })
        try await fixture.run { client in
            for (format, status) in [("float", 200), ("base64", 200), ("ubinary", 200), ("int8", 400)] {
                let answer = try await client.post(
                    "/v1/embeddings",
                    #"{"model": "tiny", "input": "a", "dimensions": 8, "encoding_format": "\#(format)"}"#)
                #expect(answer.status == status, "\(format)")
            }
            let less = try await client.post(
                "/v1/embeddings", #"{"model": "tiny", "input": "a", "dimensions": 8, "layers": 1}"#)
            #expect(less.code == "unmeasured_size")
        }
    }

    @Test(
        "bad requests get a 4xx with a sentence in the dialect",
        arguments: [
            ("", 400, "invalid_json"),
            ("[]", 400, "invalid_json"),
            (#"{"model": "tiny""#, 400, "invalid_json"),
            (#"{"model": "tiny"}"#, 400, "missing_input"),
            (#"{"input": "a man"}"#, 400, "missing_model"),
            (#"{"model": "other", "input": "a man"}"#, 404, "model_not_found"),
            (#"{"model": "tiny", "input": ""}"#, 400, "empty_input"),
            (#"{"model": "tiny", "input": []}"#, 400, "invalid_value"),
            (#"{"model": "tiny", "input": [1, "a"]}"#, 400, "invalid_value"),
            (#"{"model": "tiny", "input": [1.5]}"#, 400, "invalid_value"),
            (#"{"model": "tiny", "input": {"a": 1}}"#, 400, "invalid_value"),
            (#"{"model": "tiny", "input": "a", "dimensions": 0}"#, 400, "invalid_dimensions"),
            (#"{"model": "tiny", "input": "a", "dimensions": 17}"#, 400, "invalid_dimensions"),
            (#"{"model": "tiny", "input": "a", "dimensions": "8"}"#, 400, "invalid_value"),
            (#"{"model": "tiny", "input": "a", "layers": 3}"#, 400, "invalid_layers"),
            (#"{"model": "tiny", "input": "a", "encoding_format": "hex"}"#, 400, "invalid_encoding_format"),
            (#"{"model": "tiny", "input": "a", "no_such": 1}"#, 400, "unknown_parameter"),
            (#"{"model": "tiny", "input": "a", "prompt_name": "query"}"#, 400, "unknown_prompt"),
            ("{\"model\": \"tiny\", \"input\": \"\u{1}\"}", 400, "invalid_value"),
        ])
    func bad(body: String, status: Int, code: String) async throws {
        try await ServerFixture().run { client in
            let answer = try await client.post("/v1/embeddings", body)
            #expect(answer.status == status)
            #expect(answer.code == code)
            #expect(!(answer.error["message"] as? String ?? "").isEmpty)
            #expect(answer.headers[.init("x-request-id")!] != nil)
        }
    }

    @Test("a text that is too long is refused, and cut where the request or the server says so")
    func long() async throws {
        let text = String(repeating: "a man ", count: 30)
        let body = #"{"model": "tiny", "input": ["a man", "\#(text)"]}"#
        try await ServerFixture().run { client in
            let refused = try await client.post("/v1/embeddings", body)
            #expect(refused.status == 400)
            #expect(refused.code == "context_length_exceeded")
            let cut = try await client.post(
                "/v1/embeddings", body.dropLast() + #", "truncate": true}"#)
            #expect(cut.status == 200)
            // As the model cuts it: 20 tokens with the special ones.
            let usage = cut.object["usage"] as? [String: Int]
            #expect(usage?["prompt_tokens"] == 4 + 20)
        }
        let fixture = try ServerFixture(truncates: true)
        let own = try EmbeddingModel(folder: fixture.folder.url.appending(path: "tiny")).embed([text]).vectors
        try await fixture.run { client in
            let cut = Self.vectors(try await client.post("/v1/embeddings", body))
            #expect(cut.count == 2)
            #expect((zip(cut[1], own.row(0)).map { abs($0 - Double($1)) }.max() ?? 1) < 1e-5)
        }
    }

    @Test("a body over the limit is refused by its length and by its bytes")
    func large() async throws {
        try await ServerFixture(maximumBody: 1000).run { client in
            let body = #"{"model": "tiny", "input": "\#(String(repeating: "a", count: 2000))"}"#
            let answer = try await client.post("/v1/embeddings", body)
            #expect(answer.status == 413)
            #expect(answer.code == "body_too_large")
        }
    }

    @Test("many requests at once get each its own vectors")
    func concurrent() async throws {
        let fixture = try ServerFixture()
        let texts = TinyModel.sentences(200)
        let expected = try EmbeddingModel(folder: fixture.folder.url.appending(path: "tiny")).embed(texts)
            .vectors
        try await fixture.run { client in
            // The client has eight connections, and gives up on requests that wait long for one.
            let clients = 8
            try await withThrowingTaskGroup(of: [(Int, [Double])].self) { group in
                for first in 0..<clients {
                    group.addTask {
                        var found: [(Int, [Double])] = []
                        for row in stride(from: first, to: texts.count, by: clients) {
                            let answer = try await client.post(
                                "/v1/embeddings", #"{"model": "tiny", "input": "\#(texts[row])"}"#)
                            found.append((row, Self.vectors(answer).first ?? []))
                        }
                        return found
                    }
                }
                for try await found in group {
                    for (row, vector) in found {
                        #expect(vector.count == 16)
                        #expect(
                            (zip(vector, expected.row(row)).map { abs($0 - Double($1)) }.max() ?? 1) < 1e-5)
                    }
                }
            }
        }
    }

    @Test("a full queue answers 429 and says when to ask again")
    func full() async throws {
        try await ServerFixture(capacity: 8, passTokens: 64).run { client in
            let input = TinyModel.sentences(600).map { "\"\($0)\"" }.joined(separator: ",")
            let body = #"{"model": "tiny", "input": [\#(input)]}"#
            let answers = try await withThrowingTaskGroup(of: ServerFixture.Client.Answer.self) { group in
                for _ in 0..<12 { group.addTask { try await client.post("/v1/embeddings", body) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let refused = answers.filter { $0.status == 429 }
            #expect(!refused.isEmpty)
            #expect(answers.contains { $0.status == 200 })
            for answer in refused {
                #expect(answer.code == "queue_full")
                #expect(answer.headers[.retryAfter] != nil)
            }
        }
    }
}

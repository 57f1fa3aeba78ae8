import Foundation
import KuklaServer
import KuklaTables
import KuklaTestSupport
import Testing

/// `/rank`: rows in, probabilities out.
@Suite struct RankTests {
    private let clicks: ClickModelFixture

    init() throws { clicks = try ClickModelFixture() }

    private func run(_ body: @escaping @Sendable (ServerFixture.Client) async throws -> Void) async throws {
        let fixture = try ServerFixture(hasModel: false, clickModels: [clicks.films, clicks.watched])
        try await fixture.run(body)
    }

    private static func numbers(_ answer: ServerFixture.Client.Answer) -> [Float] {
        (answer.object["probabilities"] as? [NSNumber] ?? []).map(\.floatValue)
    }

    @Test func `one row and many get what the library says, joined columns looked up`() async throws {
        let one = try clicks.expected(
            "films", ["user": "u3", "film": "4", "age": "23", "seen": "4|5", "city": "c0"])
        let other = try clicks.expected(
            "films", ["user": "u5", "film": "1", "age": .missing, "city": "c2"])
        try await run { client in
            let single = try await client.post(
                "/rank",
                #"{"model": "films", "rows": {"user": "u3", "film": 4, "age": 23, "seen": ["4", 5]}}"#)
            #expect(single.status == 200, "\(single.text)")
            #expect(Self.numbers(single) == [one])
            let both = try await client.post(
                "/rank",
                #"""
                {"model": "films", "rows": [{"user": "u5", "film": "1", "age": null},
                 {"user": "u3", "film": "4", "age": "23", "seen": "4|5", "click": 1, "city": "c0"}]}
                """#)
            // Two rows together may round otherwise than one by itself.
            let numbers = Self.numbers(both)
            #expect(numbers.count == 2, "\(both.text)")
            for (number, expected) in zip(numbers, [other, one]) {
                #expect(abs(number - expected) <= 1e-6 * expected, "\(both.text)")
            }
            #expect(both.object["model"] as? String == "films")
        }
    }

    @Test func `unseen values and an empty history are scored`() async throws {
        let never = try clicks.expected("films", ["user": "u1", "film": "none", "age": "1e3", "city": "x"])
        let empty = try clicks.expected("watched", ["film": "3"])
        let full = try clicks.expected(
            "watched", ["film": "3"], history: [["film": "3"], ["film": "unheard"], ["film": "6"]])
        try await run { client in
            let unseen = try await client.post(
                "/rank",
                #"{"model": "films", "rows": {"user": "u1", "film": "none", "age": 1e3, "city": "x"}}"#)
            #expect(Self.numbers(unseen) == [never])
            let bare = try await client.post("/rank", #"{"model": "watched", "rows": [{"film": 3}]}"#)
            #expect(Self.numbers(bare) == [empty])
            for history in [#"[3, "unheard", "6"]"#, #"[{"film": "3"}, {"film": "unheard"}, {"film": 6}]"#] {
                let answer = try await client.post(
                    "/rank", #"{"model": "watched", "rows": [{"film": "3"}], "history": \#(history)}"#)
                #expect(Self.numbers(answer) == [full], "\(answer.text)")
            }
            #expect(full != empty)
        }
    }

    @Test func `wrong columns and values are refused by row, with what was meant`() async throws {
        try await run { client in
            func refused(_ rows: String, _ words: String..., history: String? = nil, model: String = "films")
                async throws
            {
                let extra = history.map { #", "history": \#($0)"# } ?? ""
                let answer = try await client.post(
                    "/rank", #"{"model": "\#(model)", "rows": \#(rows)\#(extra)}"#)
                let message = answer.error["message"] as? String ?? ""
                #expect(answer.status == 400, "\(rows): \(answer.text)")
                for word in words { #expect(message.contains(word), "\(message) lacks \(word)") }
            }
            let good = #"{"user": "u1", "film": "1", "age": 3}"#
            try await refused(
                #"[\#(good), {"user": "u1", "flim": "1", "age": 3}]"#, "row 1", "flim",
                "did you mean \"film\"")
            try await refused(#"{"user": "u1", "age": 3}"#, "row 0", "no column \"film\"", "null")
            try await refused(
                #"{"user": "u1", "film": "1", "age": "old"}"#, "age", "old", "expected a number")
            try await refused(#"{"user": "u1", "film": true, "age": 3}"#, "film", "a text or a number")
            try await refused(#"{"user": "u1", "film": {}, "age": 3}"#, "film", "a text or a number")
            try await refused(#"{"user": "u1", "film": ["1"], "age": 3}"#, "film", "expected one value")
            try await refused(#"{"user": "nobody", "film": "1", "age": 3}"#, "user", "users.csv")
            try await refused("[]", "no row")
            try await refused("3", "rows")
            try await refused(good, "the model has none", history: "[1]")
            try await refused(
                #"{"film": 1}"#, "event 1", "flim", history: #"[1, {"flim": 2}]"#, model: "watched")
            let unknown = try await client.post("/rank", #"{"model": "flims", "rows": {}}"#)
            #expect(unknown.status == 404 && unknown.code == "model_not_found")
            #expect((unknown.error["message"] as? String ?? "").contains("did you mean 'films'"))
            let unnamed = try await client.post("/rank", #"{"rows": {}}"#)
            #expect(unnamed.status == 400 && unnamed.code == "missing_parameter")
            let member = try await client.post("/rank", #"{"model": "films", "row": {}}"#)
            #expect(member.status == 400 && member.code == "unknown_parameter")
        }
    }

    @Test func `rows are bounded, and the models say what they want`() async throws {
        try await run { client in
            let rows = [String](repeating: #"{"film":1}"#, count: 4096).joined(separator: ",")
            let most = try await client.post("/rank", #"{"model": "watched", "rows": [\#(rows)]}"#)
            #expect(most.status == 200 && Self.numbers(most).count == 4096)
            #expect(Set(Self.numbers(most)).count == 1)
            let more = try await client.post("/rank", #"{"model": "watched", "rows": [\#(rows),{"film":1}]}"#)
            #expect(more.status == 400)
            #expect((more.error["message"] as? String ?? "").contains("4096"))
            let models = try await client.get("/rank").object["models"] as? [[String: Any]] ?? []
            #expect(models.map { $0["name"] as? String } == ["films", "watched"])
            #expect(models[0]["categorical"] as? [String] == ["user", "film", "city"])
            #expect(
                models[0]["numeric"] as? [String] == ["age"] && models[0]["lists"] as? [String] == ["seen"])
            #expect(models[1]["history"] as? [String] == ["film"])
        }
    }

    @Test func `one model needs no name, two models need two`() async throws {
        let fixture = try ServerFixture(hasModel: false, hasStore: false, clickModels: [clicks.watched])
        try await fixture.run { client in
            let answer = try await client.post("/rank", #"{"rows": {"film": "3"}}"#)
            #expect(answer.status == 200)
        }
        let twice = [clicks.films, clicks.films]
        #expect(throws: (any Error).self) { try ServerFixture(clickModels: twice) }
    }
}

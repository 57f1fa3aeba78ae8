import Foundation
import HTTPTypes
import HummingbirdTesting
import KuklaServer
import KuklaStore
import KuklaTestSupport
import Testing

/// Items by the line.
@Suite struct CollectionImportTests {
    private func line(_ id: Int, _ more: String = "") -> String {
        #"{"id": \#(id), "vector": [\#(id + 1), 1]\#(more)}"#
    }

    @Test("lines are written, with or without the last LF, empty ones skipped, and the last of an id counts")
    func lines() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            let body = "\u{FEFF}\(line(1))\r\n\n\(line(2, #", "text": "two""#))\n  \n\(line(1, #", "n": 1"#))"
            let answer = try await client.post("/collections/a/import", body)
            #expect(answer.text == #"{"lines":5,"inserted":2,"replaced":0}"#)
            let item = try await client.get("/collections/a/items/1").object
            #expect((item["metadata"] as? [String: Any])?["n"] as? Int == 1)
            let empty = try await client.ask(.post, "/collections/a/import")
            #expect(empty.text == #"{"lines":0,"inserted":0,"replaced":0}"#)
        }
    }

    @Test(
        "a bad line ends the import with its number; what stands before it is kept",
        arguments: [
            "{", "[]", #"{"id": 1}"#, #"{"vector": [1, 2]}"#, #"{"id": 5, "vector": [1, 2, 3]}"#,
            #"{"id": 5, "vector": [0, 0]}"#, #"{"id": 5, "vector": [1, 2], "text": "\u0000"}"#,
            #"{"id": 5, "vector": [1, 2]} x"#, "{\"id\": 5, \"vector\": [1, 2], \"text\": \"\u{1}\"}",
        ])
    func badLine(bad: String) async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            let body = (0..<9).map { line($0) } + [bad] + (10..<20).map { line($0) }
            let answer = try await client.post("/collections/a/import", body.joined(separator: "\n"))
            #expect(answer.status == 400 && answer.code == "invalid_line", "\(answer.text)")
            let message = answer.error["message"] as? String ?? ""
            #expect(message.hasPrefix("Line 10: ") && message.hasSuffix("9 items were kept."), "\(message)")
            #expect(try await client.ask(.post, "/collections/a/count").text == #"{"count":9}"#)
        }
    }

    @Test("a line that does not end is refused before it fills memory")
    func longLine() async throws {
        try await ServerFixture(maximumLine: 10_000).run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            for long in [
                line(2, #", "x": "\#(String(repeating: "y", count: 20_000))""#),
                String(repeating: "[", count: 3_000_000),
            ] {
                let answer = try await client.post("/collections/a/import", line(1) + "\n" + long)
                #expect(answer.status == 400, "\(answer.text)")
                #expect((answer.error["message"] as? String)?.hasPrefix("Line 2: it is longer than") == true)
            }
            #expect(try await client.ask(.post, "/collections/a/count").text == #"{"count":1}"#)
        }
    }

    @Test("an import is longer than a request's body may be, and than memory")
    func long() async throws {
        let fixture = try ServerFixture(maximumBody: 1 << 16)
        try await fixture.run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            let before = Self.residentBytes
            let answer = try await RawConnection.exchange(client.client.port) { connection in
                let filler = String(repeating: "z", count: 50_000)
                connection.begin("POST", "/collections/a/import")
                for start in stride(from: 0, to: 8000, by: 20) {
                    let lines = (start..<start + 20).map {
                        #"{"id": \#($0), "vector": [\#($0 + 1), 1], "metadata": {"filler": "\#(filler)"}}"#
                            + "\n"
                    }
                    connection.sendChunk(lines.joined())
                }
                connection.send("0\r\n\r\n")
                return connection.receive()
            }
            #expect(answer.hasPrefix("HTTP/1.1 200"), "\(answer)")
            #expect(answer.contains(#"{"lines":8000,"inserted":8000,"replaced":0}"#), "\(answer)")
            // 400 MB came by. Other tests run beside this one.
            #expect(Self.residentBytes - before < 200 << 20)
        }
        #expect(try fixture.store.collection("a").count() == 8000)
    }

    @Test("texts of lines are embedded, also in a batch with vectors")
    func texts() async throws {
        try await ServerFixture().run { client in
            _ = try await client.ask(.put, "/collections/a")
            let vector = (0..<16).map(String.init).joined(separator: ", ")
            let answer = try await client.post(
                "/collections/a/import",
                #"{"id": 1, "text": "a man"}\#n{"id": 2, "vector": [\#(vector)]}\#n{"id": 3, "text": "a dog"}"#
            )
            #expect(answer.object["inserted"] as? Int == 3, "\(answer.text)")
            let second = try await client.get("/collections/a/items/2?vectors=true").object
            #expect(second["vector"] as? [Double] == (0..<16).map(Double.init))
        }
        try await ServerFixture(hasModel: false).run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            let answer = try await client.post(
                "/collections/a/import", "\(line(1))\n{\"id\": 2, \"text\": \"a\"}")
            #expect(answer.status == 400)
            #expect((answer.error["message"] as? String)?.hasPrefix("Line 2: ") == true, "\(answer.text)")
        }
    }

    @Test("a body that stalls is given up, and what was whole before is kept")
    func stall() async throws {
        try await ServerFixture(timeout: 0.6).run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            let part = line(1) + "\n" + line(2).prefix(5)
            let answer = try await RawConnection.exchange(client.client.port) { connection in
                connection.begin("POST", "/collections/a/import")
                connection.sendChunk(part)
                return connection.receive()
            }
            #expect(answer.hasPrefix("HTTP/1.1 408"), "\(answer)")
            #expect(answer.contains("0 items were kept."))
        }
    }

    @Test("a client that goes away in the middle of its body does no harm")
    func departure() async throws {
        let fixture = try ServerFixture()
        try await fixture.run { client in
            _ = try await client.ask(.put, "/collections/a", #"{"dimensions": 2}"#)
            for _ in 0..<20 {
                let part = line(1) + "\n" + line(2).prefix(8)
                try await RawConnection.exchange(client.client.port) { connection in
                    connection.begin("POST", "/collections/a/import")
                    connection.sendChunk(part)
                }
            }
            #expect(try await client.get("/collections/a").status == 200)
            #expect(try await client.get("/collections/a/items/2").status == 404)
        }
    }

    /// Bytes of memory of this process.
    private static var residentBytes: Int {
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
    }
}

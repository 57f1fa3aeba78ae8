import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla collection`.
@Suite struct StoreCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try MainJobTests.vectors(folder, rows: 400)
        let lines = (0..<400).map {
            "{\"id\": \"p\($0)\", \"text\": \"text \($0) word\($0 % 7)\", \"year\": \(2000 + $0 % 10)}\n"
        }
        try Data(lines.joined().utf8).write(to: folder.url.appending(path: "items.jsonl"))
    }

    private var dimensions: Int {
        get throws { try VectorFile.open(folder.url.appending(path: "vectors.npy")).dimensions }
    }

    @discardableResult
    private func run(_ arguments: String..., input: String = "") throws -> Command {
        try Command.run(["collection"] + arguments, in: folder.url, input: input)
    }

    private func done(_ arguments: String..., input: String = "") throws -> String {
        let command = try Command.run(["collection"] + arguments, in: folder.url, input: input)
        #expect(command.status == 0, "\(arguments): \(command.errors)")
        return command.output
    }

    private func create(_ plan: String = "SQ8") throws {
        _ = try done("create", "data", "notes", "--dimensions", "\(dimensions)", "--plan", plan)
        _ = try done("import", "data", "notes", "vectors.npy", "--items", "items.jsonl", "-q")
    }

    @Test func `items go in, are found, read, changed and deleted`() throws {
        try create()
        #expect(try done("count", "data", "notes") == "400\n")
        let found = try done("search", "data", "notes", "--vectors", "vectors.npy", "-k", "1", "--json")
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(found.utf8)) as? [String: Any])
        let answers = try #require(json["answers"] as? [[String: Any]])
        let own = answers.enumerated().count { row, answer in
            ((answer["hits"] as? [[String: Any]])?.first?["id"] as? String) == "p\(row)"
        }
        #expect(own == 400)
        #expect(try done("search", "data", "notes", "word3", "-k", "3").contains("word3"))
        let year = #"{"year": {"$gte": 2008}}"#
        #expect(try done("count", "data", "notes", "--where", year) == "80\n")
        let item = try done("get", "data", "notes", "p7")
        #expect(item == "{\"id\":\"p7\",\"metadata\":{\"year\":2007},\"text\":\"text 7 word0\"}\n")

        // What is printed can be written again.
        let page = try done("scan", "data", "notes", "--count", "3", "--vectors")
        #expect(page.split(separator: "\n").count == 3)
        _ = try done("delete", "data", "notes", "p0", "p1")
        _ = try done("delete", "data", "notes", "--where", year)
        #expect(try done("count", "data", "notes") == "318\n")
        _ = try done("upsert", "data", "notes", input: page)
        #expect(try done("count", "data", "notes") == "320\n")
        #expect(try done("scan", "data", "notes", "--all", "--by-id").split(separator: "\n").count == 320)
        _ = try done("compact", "data", "notes")
        let info = try done("info", "data", "notes")
        #expect(info.contains("index SQ8: 320 items, 0 of them deleted"), "\(info)")
        _ = try done("index", "data", "notes", "year")
        #expect(try done("info", "data", "--json").contains("\"year\""))
    }

    @Test func `a snapshot is restored under another name and an alias switches to it`() throws {
        try create("HNSW8,F32")
        _ = try done("snapshot", "data", "notes", "-o", "copy")
        _ = try done("restore", "data", "second", "copy")
        _ = try done("alias", "data", "live", "second")
        _ = try done("drop", "data", "notes")
        #expect(try done("count", "data", "live") == "400\n")
        #expect(try run("drop", "data", "second").failed(64, "alias 'live'"))
        _ = try done("alias", "data", "live", "--remove")
        #expect(try run("count", "data", "live").failed(64, "no collection 'live'"))
    }

    @Test func `a plan is fitted to a budget when there are enough items`() throws {
        _ = try done(
            "create", "data", "notes", "--dimensions", "\(dimensions)", "--budget", "16B", "--fit-at", "100")
        let report = try run("import", "data", "notes", "vectors.npy", "--first-id", "0", "--json")
        #expect(report.status == 0, "\(report.errors)")
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(report.output.utf8)) as? [String: Any])
        #expect(json["inserted"] as? Int == 400)
        let info = try done("info", "data", "notes", "--json")
        #expect(!info.contains("\"configuration\" : \"F32\""), "\(info)")
        let bytes = try #require(info.firstMatch(of: #/"bytes_per_vector" : ([0-9.]+)/#))
        #expect(Double(bytes.1).map { $0 <= 16 } == true)
    }

    @Test func `a check names what is damaged, mends an index and not a database`() throws {
        try create()
        #expect(try run("check", "data", "notes").errors.contains("notes: sound"))
        let files = folder.url.appending(path: "data/collections/notes")
        let name = try #require(
            try FileManager.default.contentsOfDirectory(atPath: files.appending(path: "segments").path).first)
        let segment = files.appending(path: "segments/\(name)")
        var bytes = try Data(contentsOf: segment)
        bytes[bytes.count / 2] ^= 8
        try bytes.write(to: segment)
        let mended = try run("check", "data", "notes")
        #expect(mended.status == 0 && mended.errors.contains(name), "\(mended.errors)")
        #expect(try run("check", "data", "notes").errors == "notes: sound\n")
        #expect(try done("check", "data", "notes", "-q").isEmpty)

        let database = files.appending(path: "kukla.sqlite")
        // What the log holds would be read in place of the pages: it goes into the database first.
        let checkpoint = Process()
        checkpoint.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        checkpoint.arguments = [
            "python3", "-c",
            "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA wal_checkpoint(TRUNCATE)')",
            database.path,
        ]
        try checkpoint.run()
        checkpoint.waitUntilExit()
        #expect(checkpoint.terminationStatus == 0)
        #expect(try done("count", "data", "notes") == "400\n")
        bytes = try Data(contentsOf: database)
        // The heads of pages, where SQLite keeps what lies where.
        for page in 8..<12 { bytes.replaceSubrange(page * 8192..<page * 8192 + 64, with: Data(count: 64)) }
        try bytes.write(to: database)
        #expect(try run("check", "data", "notes").failed(2, "kukla.sqlite", "damaged", "snapshot"))
    }

    @Test
    func `a plan says what the index is, why, and what it finds; a search asks for that and explains itself`()
        throws
    {
        try create("HNSW8,PQ8")
        let plan = try done("plan", "data", "notes")
        #expect(plan.hasPrefix("notes: HNSW8,PQ8, effort "), "\(plan)")
        #expect(plan.contains("created with the plan HNSW8,PQ8") && plan.contains("items held out"))
        func json(_ arguments: String...) throws -> [String: Any] {
            let command = try Command.run(["collection"] + arguments + ["--json"], in: folder.url)
            #expect(command.status == 0, "\(command.errors)")
            return try #require(
                try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
        }
        let recall = try #require(try json("plan", "data", "notes")["recall"] as? [String: Any])
        #expect((recall["curves"] as? [Any])?.count == 4)

        func found(_ recall: String) throws -> (ids: [[String]], first: [String: Any]) {
            let answers = try #require(
                try json(
                    "search", "data", "notes", "--vectors", "vectors.npy", "-k", "3", "--recall", recall)[
                        "answers"] as? [[String: Any]])
            return (
                answers.map { answer in
                    (answer["hits"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
                }, answers[0]
            )
        }
        let (all, most) = (try found("1").ids, try found("0.9").ids)
        #expect(all.count == 400 && all.enumerated().allSatisfy { $1.first == "p\($0)" })
        let share = zip(all, most).reduce(0.0) { $0 + Double(Set($1.0).intersection($1.1).count) } / 1200
        #expect(share >= 0.88)
        #expect(try run("search", "data", "notes", "word3", "--recall", "0").failed(64, "recall of 0"))
        #expect(
            try run("search", "data", "notes", "--vectors", "vectors.npy", "--recall", "0.9", "--effort", "9")
                .failed(64, "Leave one of them out"))

        let explained = try run("search", "data", "notes", "word3", "-k", "2", "--explain")
        #expect(explained.status == 0 && explained.errors.contains("words "), "\(explained.errors)")
        #expect(explained.output == (try done("search", "data", "notes", "word3", "-k", "2")))
        let answers = try json("search", "data", "notes", "word3", "-k", "2", "--explain")["answers"]
        #expect(
            ((answers as? [[String: Any]])?.first?["explanation"] as? [String: Any])?["tries"] as? Int == 1)
        #expect(
            try run("search", "data", "notes", "--vectors", "vectors.npy", "--explain")
                .failed(64, "--explain goes with a question"))
    }

    @Test func `wrong use says what is wrong`() throws {
        #expect(try run("count", "data", "notes").failed(2, "no such folder"))
        try create()
        #expect(try run("create", "data", "notes", "--dimensions", "4").failed(64, "is there"))
        #expect(try run("create", "data", "../x", "--dimensions", "4").failed(64, "Cannot name"))
        #expect(try run("create", "data", "x", "--dimensions", "0").failed(64, "0 dimensions"))
        #expect(try run("count", "data", "note").failed(64, "Did you mean 'notes'"))
        #expect(try run("count", "data", "notes", "--where", "{\"a\": {\"$get\": 1}}").failed(64, "$get"))
        #expect(try run("upsert", "data", "notes", input: "{\"id\": 1}\n").failed(2, "line 1"))
        #expect(
            try run("upsert", "data", "notes", input: "{\"id\": -1, \"vector\": [1]}").failed(2, "id is -1"))
        #expect(
            try run("upsert", "data", "notes", input: "{\"id\": 1, \"vector\": [1]}")
                .failed(2, "1 components"))
        #expect(
            try run("upsert", "data", "notes", input: "{\"id\": 1, \"vector\": [NaN]}").failed(2, "line 1"))
        #expect(try run("import", "data", "notes", "vectors.npy").failed(64, "--first-id"))
        #expect(try run("get", "data", "notes", "p0", "nobody").status == 2)
        #expect(try run("restore", "data", "new", "nowhere").failed(2, "kukla.sqlite"))
        #expect(try done("count", "data", "notes") == "400\n")
    }

    @Test func `a damaged index is named and made again`() throws {
        try create()
        let segments = folder.url.appending(path: "data/collections/notes/segments")
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: segments.path).first)
        var bytes = try Data(contentsOf: segments.appending(path: name))
        bytes[bytes.count / 2] ^= 1
        try bytes.write(to: segments.appending(path: name))
        let found = try run("search", "data", "notes", "--vectors", "vectors.npy", "-k", "1")
        #expect(found.status == 0 && found.errors.contains(name), "\(found.errors)")
        let again = try run("search", "data", "notes", "--vectors", "vectors.npy", "-k", "1")
        #expect(!again.errors.contains("again") && again.output == found.output)
    }

    @Test func `an import that is killed keeps what it acknowledged`() throws {
        _ = try done("create", "data", "notes", "--dimensions", "\(dimensions)")
        let process = Process()
        process.executableURL = Command.executable
        process.arguments = [
            "collection", "import", "data", "notes", "vectors.npy", "--items", "items.jsonl", "--batch", "2",
            "--acknowledge", "-q",
        ]
        process.currentDirectoryURL = folder.url
        let log = folder.url.appending(path: "log")
        try Data().write(to: log)
        process.standardOutput = try FileHandle(forWritingTo: log)
        process.standardError = FileHandle.nullDevice
        try process.run()
        let end = Date.now.addingTimeInterval(20)
        while try Data(contentsOf: log).count < 40, process.isRunning, Date.now < end { usleep(500) }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        let lines = try String(contentsOf: log, encoding: .utf8).split(separator: "\n")
        let acknowledged = try #require(lines.last.flatMap { Int($0) })
        let count = try #require(Int(try done("count", "data", "notes").dropLast()))
        #expect(count >= acknowledged && count.isMultiple(of: 2) && acknowledged > 0)
        _ = try done("import", "data", "notes", "vectors.npy", "--items", "items.jsonl", "-q")
        #expect(try done("count", "data", "notes") == "400\n")
    }
}

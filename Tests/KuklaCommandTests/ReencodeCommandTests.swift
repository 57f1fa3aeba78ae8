import Foundation
import KuklaTestSupport
import Testing

/// `kukla collection reencode`, and which model may embed for a collection.
@Suite struct ReencodeCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TinyModel.write(to: folder.url.appending(path: "old"))
        try TinyModel.write(to: folder.url.appending(path: "new"), inside: 32)
        let lines = TinyModel.sentences(300).enumerated().map {
            "{\"id\": \($0), \"text\": \"\($1)\", \"n\": \($0)}\n"
        }
        try Data(lines.joined().utf8).write(to: folder.url.appending(path: "items.jsonl"))
    }

    private func run(_ arguments: String..., input: String = "") throws -> Command {
        try Command.run(["collection"] + arguments, in: folder.url, input: input)
    }

    @discardableResult
    private func done(_ arguments: String..., input: String = "") throws -> String {
        let command = try Command.run(["collection"] + arguments, in: folder.url, input: input)
        #expect(command.status == 0, "\(arguments): \(command.errors)")
        return command.output
    }

    private func fill(_ collection: String = "notes", model: String = "old", plan: String = "SQ8") throws {
        try done("create", "data", collection, "--dimensions", "16", "--plan", plan, "--model", model)
        try done("import", "data", collection, "items.jsonl", "-q")
    }

    private func digest(_ model: String) throws -> String {
        let info = try Command.run("info", model, "--json", in: folder.url).output
        return String(try #require(info.firstMatch(of: #/"digest" : "([0-9a-f]{64})"/#)).1)
    }

    @Test func `texts are searched by vector where a model embedded the items, named or not`() throws {
        try done("create", "data", "notes", "--dimensions", "16")
        let environment = ["KUKLA_MODEL": folder.url.appending(path: "old").path]
        let lines = "{\"id\": 1, \"text\": \"a man\"}\n{\"id\": 2, \"text\": \"a cat\"}\n"
        for arguments in [["upsert", "data", "notes"], ["search", "data", "notes", "zebra"]] {
            let command = try Command.run(
                ["collection"] + arguments, in: folder.url, input: lines, environment: environment)
            #expect(command.status == 0, "\(command.errors)")
            // No item has the word.
            #expect(arguments[0] == "upsert" || command.output.contains("a cat"), "\(command.output)")
        }
        let refused = try Command.run(
            ["collection", "search", "data", "notes", "zebra"], in: folder.url,
            environment: ["KUKLA_MODEL": folder.url.appending(path: "new").path])
        #expect(refused.status == 64 && refused.errors.contains("reencode"), "\(refused.errors)")
    }

    @Test func `another model is refused with both names until the collection was brought over`() throws {
        try fill()
        let (old, new) = (try digest("old"), try digest("new"))
        #expect(old != new)
        #expect(try done("info", "data", "notes").contains("vectors by old \(old)"))
        let words = ["old (\(old.prefix(12)))", "new (\(new.prefix(12)))", "kukla collection reencode"]
        for command in [
            try run("search", "data", "notes", "a man", "--model", "new"),
            try run("upsert", "data", "notes", "--model", "new", input: "{\"id\": 1, \"text\": \"a\"}\n"),
            try run("import", "data", "notes", "items.jsonl", "--model", "new"),
        ] {
            #expect(command.status == 64 && words.allSatisfy(command.errors.contains), "\(command.errors)")
        }
        #expect(try done("search", "data", "notes", "guitar", "--by", "words", "-k", "2").contains("guitar"))

        try done("index", "data", "notes", "n")
        try done("alias", "data", "live", "notes")
        let report = try run("reencode", "data", "live", "--model", "new", "--json")
        #expect(report.status == 0, "\(report.errors)")
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(report.output.utf8)) as? [String: Any])
        #expect((json["model"] as? [String: Any])?["digest"] as? String == new)
        #expect((json["report"] as? [String: Any])?["count"] as? Int == 300)
        // The model that the collection names is the new one now.
        let found = try done(
            "search", "data", "live", "two dogs watches the sea today", "--by", "vector", "-k", "1")
        #expect(found.contains("1.0000") && found.contains("two dogs watches the sea today"), "\(found)")
        try fill("scratch", model: "new")
        for text in ["a bird plays a ball", "some people eats the wall again"] {
            let searches = try ["live", "scratch"].map { name in
                try done("search", "data", name, text, "-k", "10", "--where", "{\"n\": {\"$lt\": 250}}")
            }
            #expect(searches[0] == searches[1])
        }
        #expect(
            try done("scan", "data", "live", "--all") == (try done("scan", "data", "scratch", "--all")))
        #expect(try done("info", "data", "notes").contains("indexed metadata: n"))
        #expect(try run("search", "data", "live", "a man", "--model", "old").status == 64)
    }

    @Test func `weights that changed under their old name are another model`() throws {
        try fill()
        try FileManager.default.removeItem(at: folder.url.appending(path: "old"))
        try TinyModel.write(to: folder.url.appending(path: "old"), inside: 40)
        let command = try run("search", "data", "notes", "a man")
        #expect(command.failed(64, "made by old (", "reencode"), "\(command.errors)")
    }

    @Test func `a model that names the older one embeds for its collection`() throws {
        try fill()
        let url = folder.url.appending(path: "new/config.json")
        let text = try String(contentsOf: url, encoding: .utf8)
        func name(_ list: String) throws {
            try Data(
                text.replacingOccurrences(
                    of: "\"model_type\"", with: "\"kukla_compatible_with\": \(list), \"model_type\""
                ).utf8
            ).write(to: url)
        }
        try name("[\"\(digest("old"))\"]")
        #expect(
            try done("search", "data", "notes", "a man", "--model", "new", "-k", "1").split(separator: "\n")
                .count == 1)
        try done(
            "upsert", "data", "notes", "--model", "new", "-q", input: "{\"id\": \"x\", \"text\": \"a man\"}\n"
        )
        let info = try done("info", "data", "notes")
        #expect(try info.contains(digest("old")) && info.contains(digest("new")))
        let described = try Command.run("info", "new", in: folder.url).output
        #expect(try described.contains("compatible with \(digest("old"))"))
        for list in ["7", "[\"x\"]", "{}"] {
            try name(list)
            #expect(
                try run("search", "data", "notes", "a man", "--model", "new").failed(2, "kukla info MODEL"))
        }
    }

    @Test func `dimensions and plan may change, where they go together`() throws {
        try fill(plan: "PQ8")
        let refused = try run("reencode", "data", "notes", "--model", "new", "--dims", "12")
        #expect(refused.failed(64, "Give another plan"), "\(refused.errors)")
        try done("reencode", "data", "notes", "--model", "new", "--dims", "12", "--plan", "HNSW8,SQ8", "-q")
        let info = try done("info", "data", "notes")
        #expect(info.contains("300 items of 12 dimensions") && info.contains("index HNSW8,SQ8"), "\(info)")
        #expect(
            try done("search", "data", "notes", "a bird eats", "--by", "vector", "-k", "3").split(
                separator: "\n"
            ).count == 3)
    }

    @Test func `a run that is killed goes on, or is given up`() throws {
        try fill()
        func reencode(_ arguments: String...) -> [String] {
            ["collection", "reencode", "data", "notes", "--model", "new", "--batch", "1", "-q"] + arguments
        }
        let hidden = folder.url.appending(path: "data/collections/.notes.reencoding/reencoding.json")
        var wasBegun = false
        for round in 0..<30 where !wasBegun {
            if try Command.kill(reencode(), in: folder.url, after: 0.04 + 0.01 * Double(round)) {
                wasBegun = FileManager.default.fileExists(atPath: hidden.path)
            }
        }
        #expect(wasBegun)
        #expect(try done("count", "data", "notes") == "300\n")
        #expect(
            try run("reencode", "data", "notes", "--model", "old").failed(64, "was begun and is not done"))
        let report = try run("reencode", "data", "notes", "--model", "new", "--json")
        #expect(report.status == 0, "\(report.errors)")
        #expect(report.output.contains("\"count\" : 300"))
        #expect(try run("reencode", "data", "notes", "--give-up").errors == "notes: nothing was begun\n")
        #expect(try done("info", "data", "notes").contains("vectors by new"))
    }

    @Test func `wrong use says what is wrong`() throws {
        try fill()
        let vector = Array(repeating: "1", count: 16).joined(separator: ",")
        try done("upsert", "data", "notes", "-q", input: "{\"id\": \"bare\", \"vector\": [\(vector)]}\n")
        #expect(
            try run("reencode", "data", "notes", "--model", "new").failed(
                64, "1 of its items has no text", "'bare'"))
        #expect(try run("reencode", "data", "nothing", "--model", "new").failed(64, "no collection"))
        #expect(try run("reencode", "data", "notes", "--model", "nowhere").failed(2, "nowhere"))
        #expect(try run("reencode", "data", "notes", "--model", "new", "--dims", "99").status == 64)
        #expect(
            try run("reencode", "data", "notes", "--model", "new", "--plan", "SQ8", "--budget", "8B").status
                == 64)
        #expect(try run("reencode", "data", "notes", "--model", "new", "--give-up").status == 64)
        #expect(try done("count", "data", "notes") == "301\n")
    }
}

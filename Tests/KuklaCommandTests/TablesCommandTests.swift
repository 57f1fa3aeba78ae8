import Foundation
import KuklaNumerics
import KuklaTestSupport
import Testing

/// `kukla tables` as a user runs it.
@Suite struct TablesCommandTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        var text = "click,user,film,age\n"
        var random = RandomSource(seed: 1)
        for _ in 0..<3000 {
            // Every user likes films of one kind; a fifth of the clicks are chance.
            let (user, film) = (
                Int.random(in: 0..<30, using: &random), Int.random(in: 0..<20, using: &random)
            )
            let click = (random.uniform() < 0.2) != (user % 2 == film % 2)
            text += "\(click ? 1 : 0),u\(user),f\(film),\(20 + user)\n"
        }
        try write("clicks.csv", text)
        try write(
            "schema.yaml",
            "label: click\ncategorical: [user, film]\nnumeric: {age: standardize}\nuser: user\n")
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: folder.url.appending(path: name))
    }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    private func json(_ command: Command) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any])
    }

    private let quick = [
        "--width", "8", "--hidden", "16", "--batch", "128", "--learning-rate", "0.01", "--epochs", "4",
    ]

    private func train(_ arguments: String...) throws -> Command {
        try Command.run(
            ["tables", "train", "clicks.csv", "--schema", "schema.yaml"] + quick + arguments, in: folder.url)
    }

    @Test func `a model is trained, scores rows, and its vectors can be searched`() throws {
        let trained = try train("-o", "model", "--json")
        #expect(trained.status == 0)
        let report = try json(trained)
        let test = try #require(report["test"] as? [String: Any])
        #expect(try #require(test["auc"] as? Double) > 0.7)
        #expect(try #require(test["group_auc"] as? Double) > 0.7)
        #expect(report["table_bytes"] as? Int == 4 * 8 * 50 && report["dense_bytes"] as? Int == 1600)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.url.appending(path: "model").path)
                .sorted()
                == [
                    "config.json", "model.safetensors", "report.json", "schema.json",
                    "vocabulary.safetensors",
                ])

        try write("new.csv", "age,film,user\n30,f1,u1\n,f2,nobody\n40,unheard,u2\n")
        let scored = try run("tables", "predict", "model", "new.csv")
        #expect(scored.status == 0)
        let lines = scored.output.split(separator: "\n").compactMap { Float($0) }
        #expect(lines.count == 3 && lines.allSatisfy { $0 > 0 && $0 < 1 })
        let again = try run("tables", "predict", "model", "clicks.csv", "-o", "scores.txt", "--json")
        #expect(try json(again)["rows"] as? Int == 3000)

        #expect(try run("tables", "export", "model", "--field", "film", "--vectors", "films.npy").status == 0)
        let indexed = try run(
            "index", "films.npy", "--factory", "F32", "--texts", "films.jsonl", "-o", "films.kukla")
        #expect(indexed.status == 0, "\(indexed.errors)")
        #expect(
            try run("tables", "export", "model", "--field", "flim", "--vectors", "x.npy").failed(64, "film"))
    }

    @Test func `a served model gives the probabilities of predict, alone and beside collections`()
        async throws
    {
        #expect(try train("-o", "model").status == 0)
        try write("new.csv", "age,film,user\n30,f1,u1\n,f2,nobody\n")
        let predicted = try run("tables", "predict", "model", "new.csv").output
            .split(separator: "\n").compactMap { Float($0) }
        let rows =
            #"[{"age": 30, "film": "f1", "user": "u1"}, {"age": null, "film": "f2", "user": "nobody"}]"#
        let servers = [
            try RunningServer([], command: ["tables", "serve", "clicks=model"], in: folder.url),
            try RunningServer(["--no-model", "--click-model", "clicks=model"], in: folder.url),
        ]
        for server in servers {
            #expect(server.port > 0, "\(server.text)")
            let answer = try await server.ask(path: "/rank", #"{"model": "clicks", "rows": \#(rows)}"#)
            #expect(answer.status == 200, "\(answer.body)")
            let object = try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any]
            let found = (object?["probabilities"] as? [NSNumber] ?? []).map(\.floatValue)
            #expect(found == predicted)
            let wrong = try await server.ask(
                path: "/rank", #"{"rows": {"age": 1, "flim": "f1", "user": "u1"}}"#)
            #expect(wrong.status == 400 && wrong.body.contains("film"))
            #expect(server.end() == 0, "\(server.text)")
        }
        #expect(try run("tables", "serve", "absent").failed(2, "config.json"))
        #expect(try run("tables", "serve", "model", "--host", "0.0.0.0").failed(64, "keys"))
    }

    @Test func `a trained table is made small afterwards, and scores nearly as before`() throws {
        #expect(try train("-o", "model").status == 0)
        func auc(_ model: String) throws -> Double {
            let report = try json(
                try run("tables", "predict", model, "clicks.csv", "-o", "scores.txt", "--json"))
            return try #require((report["metrics"] as? [String: Any])?["auc"] as? Double)
        }
        let whole = try auc("model")
        for (table, most) in [("int8", 400), ("mde", 800)] {
            let made = try run(
                "tables", "compress", "model", "--table", table, "--budget", "0.5", "-o", table, "--json")
            #expect(made.status == 0, "\(made.errors)")
            let report = try json(made)
            #expect(try #require(report["table_bytes"] as? Int) <= most)
            #expect(try #require(report["relative_error"] as? Double) < (table == "int8" ? 0.001 : 0.9))
            #expect(try auc(table) > (table == "int8" ? whole - 0.005 : 0.5))
        }
        #expect(
            try run("tables", "compress", "model", "--table", "qr", "-o", "x").failed(
                64, "training only", "mde"))
        #expect(
            try run("tables", "compress", "model", "--table", "int8", "--budget", "0.1", "-o", "x").failed(
                64, "floor"))
    }

    @Test func `a budget is a share or bytes, and one below the floor names the floor`() throws {
        let shared = try json(try train("--table", "hash", "--budget", "0.5", "-o", "half", "--json"))
        #expect(shared["budget_bytes"] as? Int == 800)
        #expect(try #require(shared["table_bytes"] as? Int) <= 800)
        let bytes = try json(try train("--table", "hash", "--budget", "1kB", "-o", "small", "--json"))
        #expect(bytes["budget_bytes"] as? Int == 1000)
        #expect(try train("--table", "dense", "--budget", "0.1", "-o", "none").failed(64, "floor", "1600"))
        #expect(
            try train("--table", "unified:rows=500", "--budget", "800B", "-o", "none")
                .failed(64, "floor", "'unified' without options"))
        #expect(try train("--table", "hsah", "-o", "none").failed(64, "hash"))
        #expect(try train("--budget", "2", "-o", "none").status == 64)
        #expect(!folder.contents.contains("none"))
    }

    @Test func `bad rows, columns and labels are told in one sentence`() throws {
        try write("cut.csv", "click,user,film,age\n1,u1,f1,20\n0,u2\n0,u2,f2,x\n")
        func run(_ file: String, _ more: String...) throws -> Command {
            try Command.run(
                ["tables", "train", file, "--schema", "schema.yaml", "-o", "none"] + more, in: folder.url)
        }
        #expect(try run("cut.csv").failed(2, "line 3", "2 columns, expected 4"))
        #expect(try run("cut.csv", "--max-bad-rows", "1").failed(2, "line 4", "age"))
        try write("label.csv", "click,user,film,age\n4,u1,f1,20\n")
        #expect(try run("label.csv").failed(2, "line 2", "expected 0 or 1"))
        try write("columns.csv", "click,user,flim,age\n1,u1,f1,20\n")
        #expect(try run("columns.csv").failed(2, "\"film\"", "did you mean \"flim\""))
        #expect(try run("nowhere.csv").failed(2, "nowhere.csv"))
        try write("schema.yaml", "label: click\ncategorial: [user]\n")
        #expect(try run("clicks.csv").failed(64, "line 2", "categorical"))
        #expect(!folder.contents.contains("none"))
        #expect(try self.run("tables", "predict", "nowhere", "clicks.csv").failed(2, "config.json"))
    }

    @Test func `labels of one class leave AUC undefined, and that is said`() throws {
        try write(
            "ones.csv", "click,user,film,age\n" + String(repeating: "1,u1,f1,20\n1,u2,f2,30\n", count: 100))
        let trained = try Command.run(
            ["tables", "train", "ones.csv", "--schema", "schema.yaml", "-o", "ones"] + quick, in: folder.url)
        #expect(trained.status == 0 && trained.output.contains("AUC undefined (all labels are 1)"))
        #expect(trained.errors.contains("AUC is undefined"))
    }

    @Test func `a comparison is not run twice, and grows`() throws {
        func bench(_ more: String...) throws -> Command {
            try Command.run(
                ["tables", "bench", "clicks.csv", "--schema", "schema.yaml", "-o", "results.jsonl", "--json"]
                    + quick + more, in: folder.url)
        }
        let first = try json(try bench("--tables", "hash", "--budgets", "0.5"))
        let rows = try #require(first["rows"] as? [[String: Any]])
        #expect(rows.count == 2)
        let again = try json(try bench("--tables", "hash", "--budgets", "0.5"))
        #expect(
            (again["rows"] as? [[String: Any]])?.compactMap { $0["seconds"] as? Double }
                == rows.compactMap { $0["seconds"] as? Double })
        // At a thousandth even the floor of one of them is missed: a row that says so.
        let more = try json(
            try bench("--tables", "hash,int8", "--budgets", "0.5,0.001", "--report", "bench.html"))
        let all = try #require(more["rows"] as? [[String: Any]])
        #expect(all.count == 5 && all.contains { ($0["failure"] as? String)?.contains("floor") == true })
        let page = try String(contentsOf: folder.url.appending(path: "bench.html"), encoding: .utf8)
        #expect(page.contains("<svg") && !page.contains("src=") && page.contains("hash"))
        #expect(try bench("--dropout", "0.5").failed(64, "results.jsonl"))
    }

    @Test func `advice ends with a table within the budget and the command to train it`() throws {
        let advice = try json(
            try run(
                "tables", "advise", "clicks.csv", "--schema", "schema.yaml", "--budget", "800B", "--tables",
                "hash,robe,int8", "--widths", "4,8", "--hidden", "16", "--batch", "128", "--learning-rate",
                "0.01",
                "--seeds", "2", "--finalists", "2", "--report", "advice.html", "--json"))
        let best = try #require(advice["recommendation"] as? [String: Any])
        #expect(try #require(best["bytes"] as? Int) <= 800)
        #expect((best["validation_auc"] as? [Double])?.count == 2)
        #expect((advice["command"] as? String)?.contains("kukla tables train clicks.csv") == true)
        #expect(
            try String(contentsOf: folder.url.appending(path: "advice.html"), encoding: .utf8).contains(
                "<svg"))
        // Eight bits of each number are all that int8 takes: half the budget makes no other table.
        let integers = try json(
            try run(
                "tables", "advise", "clicks.csv", "--schema", "schema.yaml", "--budget", "0.5", "--tables",
                "int16,int8", "--widths", "4", "--hidden", "16", "--batch", "128", "--seeds", "3", "--json"))
        let finalists = try #require(integers["finalists"] as? [[String: Any]])
        #expect(
            Set(finalists.compactMap { $0["table"] as? String }) == ["int16", "int8", "dense"]
                && finalists.count == 3)
        // Without names all methods that train in one stage, 8-bit rows at two steps.
        let all = try run(
            "tables", "advise", "clicks.csv", "--schema", "schema.yaml", "--budget", "2KB", "--widths", "4",
            "--hidden", "16", "--batch", "128", "--epochs", "1", "--seeds", "1", "--finalists", "1")
        #expect(["int8 ", "int8:step=0.001 ", "robe "].allSatisfy { all.output.contains($0) })
        let none = try run(
            "tables", "advise", "clicks.csv", "--schema", "schema.yaml", "--budget", "10B", "--tables",
            "dense")
        #expect(none.failed(64, "lowest floor"))
    }
}

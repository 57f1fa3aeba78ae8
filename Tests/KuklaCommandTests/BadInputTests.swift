import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTestSupport
import Testing

/// Each gets one clear sentence on stderr, exit status 64 (usage) or 2 (failure), and no half-written output.
@Suite struct BadInputTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try MainJobTests.vectors(folder, rows: 60)
    }

    private func run(_ arguments: String...) throws -> Command { try Command.run(arguments, in: folder.url) }

    private func write(_ rows: [[Float]], to name: String) throws {
        let writer = try NPYWriter(folder.url.appending(path: name), dimensions: rows[0].count)
        try writer.append(Matrix(rows: rows.count, columns: rows[0].count, elements: rows.flatMap { $0 }))
        try writer.commit()
    }

    @Test func `a file that is not there`() throws {
        #expect(try run("fit", "no.npy", "--budget", "8").failed(2, "no.npy"))
        #expect(try run("info", "no.npy").failed(2, "no.npy"))
        #expect(try run("search", "no.kukla", "x").failed(2, "no.kukla"))
        #expect(try run("embed", "no.txt", "--model", "nowhere", "-o", "v.npy").failed(2, "nowhere"))
    }

    @Test func `an empty file`() throws {
        try Data().write(to: folder.url.appending(path: "empty.npy"))
        #expect(try run("fit", "empty.npy", "--budget", "8").failed(2, "empty.npy"))
        #expect(try run("index", "empty.npy", "--factory", "SQ8", "-o", "e.kukla").failed(2, "empty.npy"))
        #expect(try run("info", "empty.npy").failed(2, "empty.npy"))
        #expect(!folder.contents.contains("e.kukla"))
    }

    @Test func `components that are not finite, and vectors without direction`() throws {
        var rows = (0..<40).map { i in (0..<4).map { Float(sin(Double(i * 7 + $0))) } }
        rows[17][2] = .nan
        try write(rows, to: "nan.npy")
        #expect(try run("fit", "nan.npy", "--budget", "8").failed(2, "17"))
        #expect(try run("index", "nan.npy", "--factory", "SQ8", "-o", "n.kukla").failed(2, "17"))
        rows[17] = [0, 0, 0, 0]
        try write(rows, to: "zero.npy")
        #expect(try run("index", "zero.npy", "--factory", "SQ8", "-o", "z.kukla").failed(2, "17", "zero"))
        // Without a direction to compare, the inner product of zero is still zero.
        #expect(
            try run("index", "zero.npy", "--factory", "SQ8", "--metric", "ip", "-o", "z.kukla").status == 0)
        #expect(!folder.contents.contains("n.kukla"))
    }

    @Test func `rows of different length`() throws {
        let lines = "{\"vector\": [1, 2]}\n{\"vector\": [1, 2, 3]}\n"
        try Data(lines.utf8).write(to: folder.url.appending(path: "ragged.jsonl"))
        #expect(
            try run("index", "ragged.jsonl", "--factory", "SQ8", "-o", "r.kukla").failed(
                2, "ragged.jsonl", "2"))
    }

    @Test(.enabled(if: SharedData.model != nil, "needs the real model: make model"))
    func `a broken line of JSON is named, and nothing is written`() throws {
        let lines = "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"thr\n"
        try Data(lines.utf8).write(to: folder.url.appending(path: "broken.jsonl"))
        #expect(try run("embed", "broken.jsonl", "-o", "v.npy").failed(2, "broken.jsonl", "3"))
        try Data().write(to: folder.url.appending(path: "empty.txt"))
        #expect(try run("embed", "empty.txt", "-o", "v.npy").failed(2, "empty.txt"))
        #expect(try run("embed", "broken.jsonl", "-o", "v.npy", "--dims", "9999").failed(64, "9999", "384"))
        #expect(try run("embed", "broken.jsonl", "-o", "v.xyz").failed(64, "v.xyz"))
        #expect(!folder.contents.contains { $0.hasPrefix("v.") || $0.contains("tmp") })
    }

    @Test func `files that are cut`() throws {
        let whole = try Data(contentsOf: folder.url.appending(path: "vectors.npy"))
        try whole.dropLast(10).write(to: folder.url.appending(path: "cut.npy"))
        #expect(try run("fit", "cut.npy", "--budget", "8").failed(2, "cut.npy"))
        #expect(try run("index", "vectors.npy", "--factory", "SQ8", "-o", "c.kukla").status == 0)
        let collection = try Data(contentsOf: folder.url.appending(path: "c.kukla"))
        try collection.dropLast(100).write(to: folder.url.appending(path: "cut.kukla"))
        #expect(try run("search", "cut.kukla", "--vectors", "vectors.npy").failed(2, "cut.kukla"))
        var flipped = collection
        flipped[200] ^= 4
        try flipped.write(to: folder.url.appending(path: "flipped.kukla"))
        let info = try run("info", "flipped.kukla")
        #expect(info.status == 2 && info.errors.contains("flipped.kukla"))
    }

    @Test func `requests that make no sense`() throws {
        #expect(
            try run("index", "vectors.npy", "--factory", "PAC16,SQ8", "-o", "c.kukla").failed(
                64, "PAC16", "PCA16"))
        #expect(
            try run("index", "vectors.npy", "--factory", "PCA64,SQ8", "-o", "c.kukla").failed(64, "64", "32"))
        #expect(try run("fit", "vectors.npy", "--budget", "0.01").failed(64, "0.01"))
        #expect(try run("fit", "vectors.npy", "--budget", "many").status == 64)
        #expect(try run("fit", "vectors.npy").failed(64, "--budget", "--memory", "--latency", "--recall"))
        #expect(try run("fit", "vectors.npy", "--recall", "95").failed(64, "--recall"))
        #expect(try run("fit", "vectors.npy", "--latency", "2m").status == 64)
        #expect(try run("fit", "vectors.npy", "--memory", "1B").failed(64, "No plan fits"))
        #expect(try run("index", "vectors.npy", "-o", "c.kukla").status == 64)
        #expect(try run("index", "vectors.npy", "--factory", "F32", "-o", "c.kukla").status == 0)
        #expect(try run("search", "c.kukla", "--vectors", "vectors.npy", "-k", "61").failed(64, "61", "60"))
        #expect(try run("search", "c.kukla", "--vectors", "vectors.npy", "-k", "0").status == 64)
        #expect(try run("fit", "vectors.npy", "--budget", "8", "--threads", "0").failed(64, "0 threads"))
        try write([[1, 2, 3]], to: "three.npy")
        #expect(try run("search", "c.kukla", "--vectors", "three.npy").failed(2, "3", "32"))
        #expect(try run("nonsense").status == 64)
    }

    @Test func `a plan that is none, or for other vectors`() throws {
        try Data("{}".utf8).write(to: folder.url.appending(path: "plan.json"))
        #expect(
            try run("index", "vectors.npy", "--plan", "plan.json", "-o", "c.kukla").failed(2, "plan.json"))
        #expect(try run("fit", "vectors.npy", "--budget", "16", "-o", "plan.json").status == 0)
        let plan = try String(contentsOf: folder.url.appending(path: "plan.json"), encoding: .utf8)
        try Data(plan.replacing("\"schema_version\" : 2", with: "\"schema_version\" : 1").utf8)
            .write(to: folder.url.appending(path: "old.json"))
        #expect(
            try run("index", "vectors.npy", "--plan", "old.json", "-o", "c.kukla").failed(
                2, "schema 1", "kukla fit"))
        try Data("{\"schema_version\": 1, \"plan\": \"SQ8\"}".utf8).write(
            to: folder.url.appending(path: "old.json"))
        #expect(
            try run("index", "vectors.npy", "--plan", "old.json", "-o", "c.kukla").failed(2, "schema 1"))
        try write((0..<30).map { [Float($0), 1, 2] }, to: "three.npy")
        #expect(try run("index", "three.npy", "--plan", "plan.json", "-o", "c.kukla").failed(2, "32", "3"))
    }

    @Test func `an output folder that is not there or cannot be written`() throws {
        #expect(try run("index", "vectors.npy", "--factory", "SQ8", "-o", "none/c.kukla").failed(2, "none"))
        #expect(try run("fit", "vectors.npy", "--budget", "16", "-o", "none/plan.json").status == 2)
    }

    @Test func `a signal while all threads compute is no crash`() throws {
        let writer = try NPYWriter(folder.url.appending(path: "many.npy"), dimensions: 128)
        try writer.append(Matrix.normal(rows: 40_000, columns: 128, seed: 1))
        try writer.commit()
        for _ in 0..<5 {
            let process = Process()
            process.executableURL = Command.executable
            process.arguments = ["fit", "many.npy", "--budget", "16B", "-o", "plan.json"]
            process.currentDirectoryURL = folder.url
            process.standardError = FileHandle.nullDevice
            try process.run()
            Thread.sleep(forTimeInterval: 1)
            process.terminate()
            process.waitUntilExit()
            #expect(process.terminationReason == .exit && process.terminationStatus == 143)
        }
    }

    @Test func `an interrupt leaves nothing behind and exits with 130`() throws {
        // Reads from a pipe that never ends, so that it is surely in the middle of its work.
        guard let model = SharedData.model else { return }
        let process = Process()
        process.executableURL = Command.executable
        process.arguments = ["embed", "-", "--format", "txt", "--model", model.path, "-o", "v.npy"]
        process.currentDirectoryURL = folder.url
        let input = Pipe()
        let errors = Pipe()
        process.standardInput = input
        process.standardError = errors
        try process.run()
        input.fileHandleForWriting.write(Data("some text\n".utf8))
        Thread.sleep(forTimeInterval: 1)
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        #expect(
            String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self).contains("interrupted")
        )
        #expect(folder.contents == ["vectors.npy"])
    }
}

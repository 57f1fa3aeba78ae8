import Foundation

/// Runs the built `kukla` as a user would.
struct Command {
    let status: Int32
    let output: String
    let errors: String

    /// The binary that was built beside the tests.
    static let executable: URL = {
        let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return runner.deletingLastPathComponent().appending(path: "kukla")
    }()

    /// Runs `kukla` with `arguments` in `folder` and kills it after `seconds` (SIGKILL), unless it has ended; says whether
    /// it had not.
    static func kill(_ arguments: [String], in folder: URL, after seconds: Double) throws -> Bool {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        Thread.sleep(forTimeInterval: seconds)
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        return process.terminationReason == .uncaughtSignal
    }

    /// Runs `kukla` with `arguments` in `folder` and waits.
    @discardableResult
    static func run(
        _ arguments: String..., in folder: URL, input: String = "", environment: [String: String] = [:]
    ) throws -> Command {
        try run(arguments, in: folder, input: input, environment: environment)
    }

    @discardableResult
    static func run(
        _ arguments: [String], in folder: URL, input: String = "", environment: [String: String] = [:]
    ) throws -> Command {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        // Files, not pipes: a full pipe would stop the command while nobody reads.
        let paths = ["in", "out", "err"].map {
            FileManager.default.temporaryDirectory.appending(path: "kukla-\(UUID().uuidString).\($0)")
        }
        defer { for path in paths { try? FileManager.default.removeItem(at: path) } }
        try Data(input.utf8).write(to: paths[0])
        for path in paths[1...] { try Data().write(to: path) }
        process.standardInput = try FileHandle(forReadingFrom: paths[0])
        process.standardOutput = try FileHandle(forWritingTo: paths[1])
        process.standardError = try FileHandle(forWritingTo: paths[2])
        try process.run()
        process.waitUntilExit()
        return Command(
            status: process.terminationReason == .uncaughtSignal
                ? 128 + process.terminationStatus : process.terminationStatus,
            output: String(decoding: try Data(contentsOf: paths[1]), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: paths[2]), as: UTF8.self))
    }

    /// Whether it failed with `status`, one sentence on stderr that holds all of `words`, and nothing on stdout.
    func failed(_ status: Int32, _ words: String...) -> Bool {
        self.status == status && output.isEmpty && words.allSatisfy(errors.contains)
    }
}

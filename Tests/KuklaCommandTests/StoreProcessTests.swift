import Foundation
import KuklaTestSupport
import Testing

/// Stores beside other processes, and under a clock that jumps.
@Suite struct StoreProcessTests {
    let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try MainJobTests.vectors(folder)
        try done("create", "data", "notes", "--dimensions", "32", "--plan", "PQ8")
        try done("import", "data", "notes", "vectors.npy", "--first-id", "0", "-q")
    }

    @discardableResult
    private func done(_ arguments: String..., environment: [String: String] = [:]) throws -> String {
        let command = try Command.run(
            ["collection"] + arguments, in: folder.url, environment: environment)
        #expect(command.status == 0, "\(arguments): \(command.errors)")
        return command.output
    }

    /// A command that holds the store until its input ends, and where that is written to.
    private func holder() throws -> (process: Process, input: FileHandle) {
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = Command.executable
        process.arguments = ["collection", "upsert", "data", "notes", "-q"]
        process.currentDirectoryURL = folder.url
        process.standardInput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let lock = folder.url.appending(path: "data/lock")
        let end = Date.now.addingTimeInterval(20)
        while try !String(contentsOf: lock, encoding: .utf8).contains(
            "process \(process.processIdentifier) "),
            process.isRunning, Date.now < end
        { usleep(2000) }
        return (process, pipe.fileHandleForWriting)
    }

    @Test func `a second process says who holds the store, and the first goes on`() throws {
        let (process, input) = try holder()
        let commands: [[String]] = [
            ["count", "data", "notes"], ["import", "data", "notes", "vectors.npy", "--first-id", "900"],
            ["compact", "data", "notes"], ["drop", "data", "notes"],
            ["create", "data", "others", "--dimensions", "3"],
        ]
        for arguments in commands {
            let second = try Command.run(["collection"] + arguments, in: folder.url)
            #expect(
                second.failed(2, "process \(process.processIdentifier) ", "collection upsert", "holds it"),
                "\(second.errors)")
        }
        let vector = Array(repeating: "1", count: 32).joined(separator: ",")
        try input.write(contentsOf: Data("{\"id\": \"late\", \"vector\": [\(vector)]}\n".utf8))
        try input.close()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try done("count", "data", "notes") == "401\n")
        #expect(try done("info", "data").contains("others") == false)
    }

    @Test func `a store whose holder was killed opens at once`() throws {
        let (process, _) = try holder()
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(try done("count", "data", "notes") == "400\n")
    }

    /// A library that lays a clock over the system's which jumps by years with every look, or `nil` where there is no C compiler.
    private func jumpingClock() throws -> [String: String]? {
        let source = """
            #define _GNU_SOURCE
            #include <sys/syscall.h>
            #include <sys/time.h>
            #include <time.h>
            #include <unistd.h>
            static long jump(void) {
                static unsigned state = 1;
                state = state * 1664525u + 1013904223u;
                return ((long)(state >> 8) % 41 - 20) * 31557600L;
            }
            int clock_gettime(clockid_t clock, struct timespec *out) {
                int status = syscall(SYS_clock_gettime, clock, out);
                if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) out->tv_sec += jump();
                return status;
            }
            int gettimeofday(struct timeval *out, void *zone) {
                struct timespec now;
                clock_gettime(CLOCK_REALTIME, &now);
                out->tv_sec = now.tv_sec;
                out->tv_usec = now.tv_nsec / 1000;
                return 0;
            }
            time_t time(time_t *out) {
                struct timespec now;
                clock_gettime(CLOCK_REALTIME, &now);
                if (out) *out = now.tv_sec;
                return now.tv_sec;
            }
            """
        try Data(source.utf8).write(to: folder.url.appending(path: "clock.c"))
        func run(_ arguments: [String], _ environment: [String: String] = [:]) throws -> String? {
            let (process, pipe) = (Process(), Pipe())
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = arguments
            process.currentDirectoryURL = folder.url
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            process.standardOutput = pipe
            process.standardError = FileHandle.nullDevice
            try process.run()
            let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            return process.terminationStatus == 0 ? String(decoding: output, as: UTF8.self) : nil
        }
        guard try run(["cc", "-shared", "-fPIC", "-o", "clock.so", "clock.c"]) != nil else { return nil }
        let environment = ["LD_PRELOAD": folder.url.appending(path: "clock.so").path]
        let year = try run(["date", "+%Y"], environment)
        #expect(try year != nil && year != run(["date", "+%Y"]), "the clock does not jump")
        return environment
    }

    @Test func `a clock that jumps changes nothing`() throws {
        guard let jumping = try jumpingClock() else { return }
        try FileManager.default.copyItem(
            at: folder.url.appending(path: "data"), to: folder.url.appending(path: "other"))
        for (store, environment) in [("data", jumping), ("other", [:])] {
            try done("delete", store, "notes", "3", "4", "5", environment: environment)
            try done(
                "import", store, "notes", "vectors.npy", "--first-id", "200", "--batch", "64", "-q",
                environment: environment)
            // As files look that were written before the clock was set back.
            let files = folder.url.appending(path: "\(store)/collections/notes")
            for (name, date) in [
                ("kukla.sqlite", Date.distantPast), ("segments", .distantFuture),
                ("kukla.sqlite", .distantFuture),
            ] where !environment.isEmpty {
                try FileManager.default.setAttributes(
                    [.modificationDate: date], ofItemAtPath: files.appending(path: name).path)
            }
            try done("delete", store, "notes", "599", environment: environment)
            try done("compact", store, "notes", environment: environment)
            try done("snapshot", store, "notes", "-o", "copy of \(store)", environment: environment)
            try done("restore", store, "again", "copy of \(store)", environment: environment)
            try done("check", store, "again", "-q", environment: environment)
        }
        for name in ["notes", "again"] {
            #expect(try done("count", "data", name, environment: jumping) == "596\n")
            #expect(
                try done("scan", "data", name, "--all", "--vectors", environment: jumping)
                    == done("scan", "other", name, "--all", "--vectors"))
            #expect(
                try done("search", "data", name, "--vectors", "vectors.npy", "-k", "5", environment: jumping)
                    == done("search", "other", name, "--vectors", "vectors.npy", "-k", "5"))
        }
    }

    @Test func `a writer that is killed under a clock that jumps loses nothing`() throws {
        guard let jumping = try jumpingClock() else { return }
        let log = folder.url.appending(path: "log")
        for round in 1...3 {
            try Data().write(to: log)
            let process = Process()
            process.executableURL = Command.executable
            process.arguments = [
                "collection", "import", "data", "notes", "vectors.npy", "--first-id", "\(1000 * round)",
                "--batch", "2", "--acknowledge", "-q",
            ]
            process.environment = ProcessInfo.processInfo.environment.merging(jumping) { $1 }
            process.currentDirectoryURL = folder.url
            process.standardOutput = try FileHandle(forWritingTo: log)
            process.standardError = FileHandle.nullDevice
            let before = try #require(Int(try done("count", "data", "notes").dropLast()))
            try process.run()
            let end = Date.now.addingTimeInterval(20)
            while try Data(contentsOf: log).count < 40 * round, process.isRunning, Date.now < end {
                usleep(500)
            }
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            let lines = try String(contentsOf: log, encoding: .utf8).split(separator: "\n")
            let acknowledged = try #require(lines.last.flatMap { Int($0) })
            let count = try #require(Int(try done("count", "data", "notes").dropLast()))
            #expect(count >= before + acknowledged && (count - before).isMultiple(of: 2) && acknowledged > 0)
        }
    }
}

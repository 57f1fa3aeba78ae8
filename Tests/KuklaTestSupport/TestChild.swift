public import Foundation

extension Process {
    /// This test bundle as another process that runs the test of that name alone, told what else it needs by `environment`; not started yet.
    ///
    /// For tests that kill what they test.
    public static func test(_ name: String, environment: [String: String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["--testing-library", "swift-testing", "--filter", name]
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        return process
    }
}

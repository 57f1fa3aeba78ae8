import ArgumentParser
import Foundation

/// How a command reports: for people, or for programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON on stdout.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print no progress.")
    var quiet = false

    var progress: ProgressBar { ProgressBar(isQuiet: quiet || json && isatty(STDERR_FILENO) == 0) }
}

/// Prints `value` as one JSON object with snake_case keys.
func printJSON(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

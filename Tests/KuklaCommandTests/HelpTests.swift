import Foundation
import Testing

/// What `--help` prints, of every command.
@Suite("Help")
struct HelpTests {
    private struct Dump: Decodable {
        let command: Entry
    }

    private struct Entry: Decodable {
        let commandName: String
        let abstract: String?
        let discussion: String?
        let subcommands: [Entry]?

        /// All commands that do something, by the words that call them.
        func leaves(of parents: [String] = []) -> [(words: String, entry: Entry)] {
            let words = parents + [commandName]
            guard let subcommands, !subcommands.isEmpty else {
                return commandName == "help" ? [] : [(words.joined(separator: " "), self)]
            }
            return subcommands.flatMap { $0.leaves(of: words) }
        }
    }

    private func commands() throws -> [(words: String, entry: Entry)] {
        let dump = try Command.run("--experimental-dump-help", in: FileManager.default.temporaryDirectory)
        return try JSONDecoder().decode(Dump.self, from: Data(dump.output.utf8)).command.leaves()
    }

    @Test func `every command says what it does and shows a call of itself`() throws {
        let commands = try commands()
        #expect(commands.count > 50)
        for (words, entry) in commands {
            #expect(entry.abstract?.isEmpty == false, "\(words)")
            #expect(entry.discussion?.contains("  \(words)") == true, "\(words) has no example")
        }
    }

    @Test func `examples fit a terminal of 80 columns, and sentences are not broken by hand`() throws {
        for (words, entry) in try commands() {
            let lines = (entry.discussion ?? "").split(separator: "\n", omittingEmptySubsequences: false)
            for (line, next) in zip(lines, lines.dropFirst() + [""]) {
                // What stands after a call's continuation is indented, as lists are.
                if line.hasPrefix("  ") {
                    #expect(line.count <= 80 || line.contains("'"), "\(words): \(line)")
                } else if line.count > 60, !line.hasSuffix(":") {
                    #expect(next.isEmpty || next.hasPrefix(" "), "\(words): \(line)")
                }
            }
        }
    }
}

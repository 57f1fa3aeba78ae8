import ArgumentParser
import Foundation
import KuklaNumerics

@main
struct Kukla: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kukla",
        abstract: "Embeddings cut to size: embed text, fit the vectors to a byte budget, search them.",
        discussion: """
            A whole run, from text to answers:
              kukla embed notes.jsonl -o vectors.npy
              kukla fit vectors.npy --budget 48B -o plan.json --report report.html
              kukla index vectors.npy --plan plan.json --texts notes.jsonl -o notes.kukla
              kukla search notes.kukla "where did we decide on the logo?"

            Exit status: 0 done, 2 failure, 64 wrong usage, 130 interrupted. Data go to stdout, everything else to \
            stderr. Files appear complete or not at all.
            """,
        version: kuklaVersion,
        subcommands: [
            EmbedCommand.self, FitCommand.self, IndexCommand.self, SearchCommand.self, InfoCommand.self,
            EvalCommand.self, ExplainCommand.self, BenchCommand.self, TrainCommand.self, MergeCommand.self,
            ExportCommand.self, StudyCommand.self, ModelCommand.self, TokenizeCommand.self,
            DoctorCommand.self, CollectionCommand.self, ServeCommand.self, KeysCommand.self, MineCommand.self,
            TablesCommand.self,
        ])

    static func main() async {
        // A reader that went away (`kukla ... | head`) is success.
        signal(SIGPIPE, SIG_DFL)
        await Interrupt.$current.withValue(Interrupt()) { await runCommand() }
    }

    private static func runCommand() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as KuklaError {
            complain(error.description)
            Foundation.exit(error.code.exitStatus)
        } catch {
            let code = exitCode(for: error)
            // Help and version requests and wrong usage are the parser's; all else is a failure of ours.
            if code == .success || code == .validationFailure || error is ExitCode { exit(withError: error) }
            complain("\(error)")
            Foundation.exit(2)
        }
    }
}

/// The version that `--version`, the server and written files name.
let kuklaVersion = "0.1.0"

/// Prints one sentence on stderr, where people look for what went wrong.
func complain(_ sentence: String) {
    // A bar may stand on the line.
    let clear = isatty(STDERR_FILENO) == 1 ? "\r\u{1B}[K" : ""
    FileHandle.standardError.write(Data("\(clear)kukla: \(sentence)\n".utf8))
}

/// Prints one line on stderr about what was done; data alone go to stdout.
func note(_ sentence: String) {
    FileHandle.standardError.write(Data("\(sentence)\n".utf8))
}

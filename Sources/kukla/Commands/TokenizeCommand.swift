import ArgumentParser
import Foundation
import KuklaNumerics
import KuklaText

/// `kukla tokenize`: texts in, token ids out.
struct TokenizeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Print the token ids of texts.",
        discussion: """
            Reads one text a line from standard input and prints its ids as a JSON array, one line for each text:

                printf 'a cat\\n' | kukla tokenize --model FOLDER
                kukla tokenize --model FOLDER --json < texts.jsonl
            """)

    @Option(help: "The model's folder, with tokenizer.json or vocab.txt.")
    var model: String

    @Option(help: "The most ids for each text, special tokens included.")
    var maxLength: Int?

    @Flag(help: "Each line is a JSON string, so that texts may hold line ends and NUL.")
    var json = false

    @Flag(help: "Print the speed on standard error instead of the ids, the best of seven runs.")
    var time = false

    func run() throws {
        let tokenizer = try WordPieceTokenizer(folder: URL(fileURLWithPath: model))
        if let maxLength, maxLength < tokenizer.specialTokenCount {
            throw KuklaError(
                .usage, "--max-length \(maxLength): give at least \(tokenizer.specialTokenCount)")
        }
        let input = FileHandle.standardInput.readDataToEndOfFile()
        var texts: [String] = []
        for (number, line) in input.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            if line.isEmpty, line.endIndex == input.endIndex { break }
            if json {
                guard let text = try? JSONDecoder().decode(String.self, from: line) else {
                    throw KuklaError(
                        .badData,
                        "standard input, line \(number + 1): expected a JSON string; leave out --json for plain text"
                    )
                }
                texts.append(text)
            } else {
                texts.append(String(decoding: line, as: UTF8.self))
            }
        }
        if time { return report(tokenizer, texts) }
        let batch = tokenizer.encode(texts, maxLength: maxLength)
        var output = ""
        for index in 0..<batch.count {
            output += "[" + batch[index].map { String($0) }.joined(separator: ",") + "]\n"
        }
        FileHandle.standardOutput.write(Data(output.utf8))
    }

    private func report(_ tokenizer: WordPieceTokenizer, _ texts: [String]) {
        let bytes = texts.reduce(0) { $0 + $1.utf8.count }
        var best = Double.infinity
        var count = 0
        for _ in 0..<7 {
            let start = ContinuousClock.now
            count = tokenizer.encode(texts, maxLength: maxLength).ids.count
            best = min(best, (ContinuousClock.now - start) / .seconds(1))
        }
        let line = "\(texts.count) texts, \(bytes) bytes, \(count) ids, \(Double(bytes) / 1e6 / best) MB/s\n"
        FileHandle.standardError.write(Data(line.utf8))
    }
}

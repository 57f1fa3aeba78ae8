import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables

/// Sequences of what users took, each item beside one that the user never took.
struct BoughtItems {
    let set: ExampleSet

    /// - Parameter name: the set's name in `amazon_sequences`.
    init(_ bench: StudyBench, _ name: String) throws(KuklaError) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-items-\(UUID())")
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
            throw KuklaError(.inputOutput, "Cannot make the folder \(folder.path).", cause: error)
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        let kinds = try BoughtItems.kinds(bench.data("amazon_sequences/\(name)_item2attributes.json.gz"))
        let sequences = try BoughtItems.sequences(
            bench.data("amazon_sequences/\(name).txt.gz"), users: bench.choose(quick: 600, full: .max))
        let files = try BoughtItems.write(sequences, kinds, to: folder)
        var schema = DataSchema(
            label: LabelRule(column: "taken"), categorical: ["item", "kind"].map { .init($0) })
        schema.user = "user"
        schema.time = "time"
        schema.history = .init(items: ["item", "kind"], last: 50, keepsPositivesOnly: true)
        set = try ExampleSet(files, schema: schema)
    }

    /// What each user took, in the order of time.
    private static func sequences(_ url: URL, users: Int) throws(KuklaError) -> [[Int]] {
        var sequences: [[Int]] = []
        let reader = try LineReader(ByteSource(url))
        while sequences.count < users, let line = try reader.nextString() {
            let numbers = line.split(separator: " ").compactMap { Int($0) }
            guard numbers.count >= 4 else {
                throw KuklaError(
                    .badData,
                    "Cannot read \(url.path): user \(sequences.count + 1) has \(numbers.count - 1) items, expected at least 3."
                )
            }
            sequences.append(Array(numbers.dropFirst()))
        }
        return sequences
    }

    /// The first attribute of each item.
    private static func kinds(_ url: URL) throws(KuklaError) -> [Int: Int] {
        var text = ""
        let reader = try LineReader(ByteSource(url))
        while let line = try reader.nextString() { text += line }
        guard let all = try? JSONDecoder().decode([String: [Int]].self, from: Data(text.utf8)) else {
            throw KuklaError(.badData, "Cannot read \(url.path): expected an object of lists of numbers.")
        }
        return Dictionary(
            all.compactMap { key, values in Int(key).map { ($0, values.first ?? 0) } }
        ) { first, _ in first }
    }

    /// Writes three tables: what to train on, the last item but one of each user, and the last one.
    private static func write(
        _ sequences: [[Int]], _ kinds: [Int: Int], to folder: URL
    ) throws(KuklaError) -> [ExampleSet.File] {
        let items = sequences.flatMap(\.self).max() ?? 1
        var random = RandomSource(seed: 5)
        var texts = [String](repeating: "user,item,kind,time,taken\n", count: 3)
        for (user, sequence) in sequences.enumerated() {
            let taken = Set(sequence)
            for (time, item) in sequence.enumerated() {
                var other = item
                while taken.contains(other) { other = Int.random(in: 1...items, using: &random) }
                let part = max(0, time - (sequence.count - 3))
                texts[part] += "\(user),\(item),\(kinds[item] ?? 0),\(time),1\n"
                texts[part] += "\(user),\(other),\(kinds[other] ?? 0),\(time),0\n"
            }
        }
        var files: [ExampleSet.File] = []
        for (text, part) in zip(texts, ExamplePart.allCases) {
            let file = folder.appending(path: "\(part).csv")
            try AtomicFile.write(text, to: file)
            files.append(.init(file, part: part))
        }
        return files
    }
}

import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTables

/// MovieLens-100k with what each user rated before.
struct RatedFilms {
    let set: ExampleSet

    init(_ bench: StudyBench) throws(KuklaError) {
        let genres = try RatedFilms.genres(bench)
        let file = FileManager.default.temporaryDirectory.appending(path: "kukla-films-\(UUID()).csv")
        defer { try? FileManager.default.removeItem(at: file) }
        let lines = genres.keys.sorted().map { film in "\(film),\(genres[film]?.min() ?? 0)\n" }
        try AtomicFile.write("film,genre\n" + lines.joined(), to: file)
        var schema = DataSchema(
            label: LabelRule(column: "rating", positive: .init(">=4")),
            categorical: ["film", "genre", "gender", "occupation"].map { .init($0) })
        schema.columns = ["user", "film", "rating", "time"]
        schema.separator = .text("\t")
        schema.joins = [
            .init(file: file.path, on: "film"),
            .init(
                file: bench.data("movielens-100k/u.user").path, on: "user", separator: .text("|"),
                columns: ["user", "age", "gender", "occupation", "zip"]),
        ]
        schema.user = "user"
        schema.time = "time"
        schema.history = .init(items: ["film", "genre"], last: 50)
        schema.split = .init(.user, seed: 3, validation: 0.1, test: 0.2)
        set = try ExampleSet(
            [.init(bench.data("movielens-100k/u.data.gz"))], schema: schema,
            options: .init(maximumRows: bench.choose(quick: 20_000, full: nil)))
    }

    /// The numbers of each film's genres, from 0 ("unknown").
    static func genres(_ bench: StudyBench) throws(KuklaError) -> [String: Set<Int>] {
        let url = bench.data("movielens-100k/u.item")
        guard let data = FileManager.default.contents(atPath: url.path) else {
            throw KuklaError(.missingFile, "Cannot read \(url.path): it cannot be opened.")
        }
        var genres: [String: Set<Int>] = [:]
        // Titles are Latin-1; what is read here is ASCII in any case.
        for line in data.split(separator: UInt8(ascii: "\n")) {
            let cells = line.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
            guard cells.count == 24 else {
                throw KuklaError(
                    .badData, "Cannot read \(url.path): a line has \(cells.count) columns, expected 24.")
            }
            genres[String(decoding: cells[0], as: UTF8.self)] = Set(
                (0..<19).filter { cells[5 + $0].first == UInt8(ascii: "1") })
        }
        return genres
    }
}

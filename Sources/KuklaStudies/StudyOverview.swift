import Foundation
import KuklaFormats
import KuklaNumerics

/// The page that lists the studies whose reports lie in a folder.
struct StudyOverview {
    /// What a report's JSON says that the page shows.
    private struct Entry: Decodable {
        struct Bar: Decodable { let outcome: StudyBar.Outcome }

        let study: String
        let paper: String
        let seeds: [UInt64]
        let threads: Int
        let seconds: Double
        let bars: [Bar]

        func count(_ outcome: StudyBar.Outcome) -> Int { bars.count { $0.outcome == outcome } }
    }

    static let fileName = "studies.md"

    private let entries: [Entry]

    /// Of all reports in `folder`; a file that is none is left out.
    init(of folder: URL) throws {
        entries = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }
            .compactMap { try? JSONDecoder().decode(Entry.self, from: Data(contentsOf: $0)) }
            .sorted { $0.study < $1.study }
    }

    /// The page in Markdown.
    func page() -> String {
        let table = TextTable(
            columns: [
                "study", "what it asks", "paper", "met", "missed", "not reproduced", "seeds", "minutes",
                "threads",
            ].map { .init($0) },
            rows: entries.map { entry in
                [
                    "[\(entry.study)](\(entry.study).md)", StudyCatalogue.named(entry.study)?.title ?? "",
                    entry.paper, "\(entry.count(.met))", "\(entry.count(.missed))",
                    "\(entry.count(.notReproduced))", "\(entry.seeds.count)",
                    String(format: "%.0f", entry.seconds / 60), "\(entry.threads)",
                ]
            })
        return """
            # Studies

            Papers' claims about the size of representations, put to the test on real data: how many of their bars were met. A missed
            bar stands on its page with its figures. `kukla study NAME --full -o FOLDER` measures one, and writes its page and this list.

            \(table.markdown())
            """
    }
}

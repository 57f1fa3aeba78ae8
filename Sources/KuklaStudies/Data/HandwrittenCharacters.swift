import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaTensor

/// Characters that several people wrote.
struct HandwrittenCharacters: Sendable {
    /// Pixels along a side.
    static let side = 35

    /// Ink from 0 to 1, `[pictures, side * side]`.
    let pictures: Matrix
    /// The character of each picture, turned or not.
    let classes: [Int32]
    /// Who wrote each, from 1.
    let writers: [Int]

    var classCount: Int { Int(classes.max() ?? -1) + 1 }

    /// Those of some writers.
    func written(by wanted: ClosedRange<Int>) -> HandwrittenCharacters {
        let rows = writers.indices.filter { wanted.contains(writers[$0]) }
        return HandwrittenCharacters(
            pictures: pictures.gathering(rows: rows), classes: rows.map { classes[$0] },
            writers: rows.map { writers[$0] })
    }
}

extension StudyBench {
    /// Omniglot's small background set: 136 characters of 5 alphabets by 20 writers each (Lake et al. 2015). A character turned by a
    /// quarter is another one, as has been the custom since Santoro et al. 2016: 544 in all.
    ///
    /// - Parameter limit: characters that are taken.
    func omniglot(limit: Int) throws(KuklaError) -> HandwrittenCharacters {
        let url = data("omniglot/images_background_small1.zip")
        let archive = try ZipArchive(url)
        let files = archive.entries.filter { $0.name.hasSuffix(".png") }.sorted { $0.name < $1.name }
        func character(_ name: String) -> String {
            String(name.prefix(upTo: name.lastIndex(of: "/") ?? name.endIndex))
        }
        let characters = Array(Set(files.map { character($0.name) })).sorted().prefix(limit)
        let numbers = Dictionary(uniqueKeysWithValues: characters.enumerated().map { ($1, $0) })
        let side = HandwrittenCharacters.side
        var elements: [Float] = []
        var (classes, writers): ([Int32], [Int]) = ([], [])
        for file in files {
            guard let number = numbers[character(file.name)] else { continue }
            let picture = try GreyPicture(png: archive.contents(of: file), name: file.name)
            guard picture.width == 3 * side, picture.height == 3 * side,
                let writer = Int(file.name.dropLast(4).suffix(2))
            else {
                throw KuklaError(
                    .badData,
                    "Cannot use \(file.name) of \(url.path): expected 105 by 105 pixels and a name that ends with the writer, as in 0108_03.png."
                )
            }
            var ink = picture.ink(side: side)
            for turn in 0..<4 {
                elements += ink
                classes.append(Int32(4 * number + turn))
                writers.append(writer)
                ink = (0..<side * side).map { ink[($0 % side) * side + side - 1 - $0 / side] }
            }
        }
        return HandwrittenCharacters(
            pictures: Matrix(rows: classes.count, columns: side * side, elements: elements), classes: classes,
            writers: writers)
    }
}

extension GreyPicture {
    /// Means of 3 by 3 pixels, ink 1 and paper 0.
    fileprivate func ink(side: Int) -> [Float] {
        (0..<side * side).map { at in
            let (row, column) = (3 * (at / side), 3 * (at % side))
            let sum = (0..<9).reduce(0) { $0 + Int(pixels[(row + $1 / 3) * width + column + $1 % 3]) }
            return 1 - Float(sum) / (9 * 255)
        }
    }
}

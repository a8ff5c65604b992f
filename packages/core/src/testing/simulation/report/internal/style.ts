/**
 * How the pages look: calm, one column of text, plots side by side where there is room. Light or dark as the reader's system
 * is set. The palette is that of M. Okabe and K. Ito, "Color Universal Design" (2008), darkened or lightened until each colour
 * stands out from its background by 3 to 1.
 */
import { colours } from "./frame.ts"

const palette = {
  light: ["#0072b2", "#d55e00", "#00805d", "#b0468a", "#8a6d00", "#2b8cbe", "#6b6b6b", "#7a3e00"],
  dark: ["#56b4e9", "#ff8c42", "#2fd0a3", "#e69ac8", "#e0cb45", "#8ecdf5", "#b5b5b5", "#d9a066"]
}

const variables = (list: ReadonlyArray<string>) => list.map((colour, i) => `--c${i}:${colour}`).join(";")

const classes = Array.from(
  { length: colours },
  (_, i) => `.line.c${i}{stroke:var(--c${i})}.area.c${i},.bar.c${i}{fill:var(--c${i})}i.c${i}{--c:var(--c${i})}`
).join("\n")

export const style = `
:root{color-scheme:light;--bg:#fafaf8;--card:#fff;--fg:#1c2227;--muted:#59636c;--edge:#e3e4df;--grid:#ecede8;--track:#eef0ec;
--band:#d55e00;--warn:#a63f00;--heat:0,96,153;${variables(palette.light)}}
@media (prefers-color-scheme:dark){:root{color-scheme:dark;--bg:#12161a;--card:#191f24;--fg:#e6e9eb;--muted:#9fabb4;--edge:#2b333a;
--grid:#262e34;--track:#242c32;--band:#ff8c42;--warn:#ffa163;--heat:86,180,233;${variables(palette.dark)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
main{max-width:1240px;margin:0 auto;padding:40px 28px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 6px;font-weight:650;letter-spacing:-.01em}
h2{font-size:19px;line-height:1.3;margin:52px 0 4px;font-weight:650}
h2+p,h1+p{margin-top:0}
p{max-width:75ch;margin:8px 0}
.muted,.unit,small,caption,summary,.tick{color:var(--muted)}
.facts{display:flex;flex-wrap:wrap;gap:6px 24px;margin:12px 0 0;padding:0;list-style:none;color:var(--muted)}
.facts b{color:var(--fg);font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(150px,100%),1fr));gap:14px;margin:18px 0;padding:0;list-style:none}
.tiles li{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:12px 16px}
.tiles span{display:block;color:var(--muted);font-size:13px}
.tiles b{display:block;font-size:23px;font-weight:620;line-height:1.35;letter-spacing:-.01em}
.tiles .bad b{color:var(--warn)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));gap:18px;margin:18px 0}
.plots.thirds{grid-template-columns:repeat(auto-fit,minmax(min(300px,100%),1fr))}
.plot{margin:0;background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:16px 18px 12px;min-width:0}
figcaption{line-height:1.35}
figcaption b{font-weight:620}
.unit{font-size:13px}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;list-style:none;margin:6px 0 0;padding:0;font-size:13px}
.legend i{display:inline-block;vertical-align:middle;width:18px;height:0;border-top:2.5px solid var(--c);margin-right:6px}
.legend i.dashed{border-top-style:dashed}
.legend i.area{width:11px;height:11px;border:0;border-radius:3px;background:var(--c)}
.field{display:grid;grid-template-columns:58px minmax(0,1fr);grid-template-rows:200px 24px;margin-top:14px}
.field svg{grid-column:2;grid-row:1;width:100%;height:100%;display:block;overflow:hidden}
.field .y,.field .x{position:relative;font-size:12px;line-height:1}
.field .y{grid-column:1;grid-row:1}
.field .x{grid-column:2;grid-row:2}
.tick{position:absolute;white-space:nowrap}
.y .tick{right:8px;transform:translateY(50%)}
.x .tick{top:8px;transform:translateX(-50%)}
.x .tick.start{transform:none}
.x .tick.end{transform:translateX(-100%)}
.grid,.axis{stroke:var(--grid);stroke-width:1;vector-effect:non-scaling-stroke}
.axis{stroke:var(--muted);stroke-opacity:.6}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round;vector-effect:non-scaling-stroke}
.line.dashed{stroke-dasharray:5 4;stroke-linecap:butt}
.area{fill-opacity:.85;shape-rendering:crispEdges}
.band{fill:var(--band);fill-opacity:.13}
.hit{fill:transparent}
.hit:hover{fill:var(--fg);fill-opacity:.08}
${classes}
.bars ul{list-style:none;margin:12px 0 6px;padding:0;display:grid;gap:10px}
.bars li{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:2px 12px}
.bars svg{grid-column:1/-1;width:100%;display:block}
.bars .value{font-weight:600}
.bars small{font-weight:400;font-size:13px}
.track{fill:var(--track)}
details{margin-top:4px}
summary{cursor:pointer;font-size:13px;padding:4px 0}
.scroll{overflow-x:auto;max-width:100%}
details .scroll{max-height:320px;overflow-y:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;overflow-wrap:normal}
caption{text-align:left;padding:4px 0;font-size:13px}
th,td{padding:6px 12px 6px 0;text-align:right;border-bottom:1px solid var(--edge);white-space:nowrap;vertical-align:top}
th{font-weight:600}
thead th{color:var(--muted);font-weight:500}
th:first-child{text-align:left;max-width:320px;white-space:normal;min-width:110px}
tbody tr:last-child th,tbody tr:last-child td{border-bottom:0}
.card{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:8px 18px;margin:18px 0}
.change{display:inline-block;min-width:84px;margin-left:10px;color:var(--muted);font-size:12.5px}
details.card>summary{font-size:14px}
details.card .scroll{max-height:none;margin:8px 0 18px}
td small{display:block;font-size:12px}
.week{display:grid;grid-template-columns:38px minmax(0,1fr);grid-template-rows:168px 22px;margin-top:12px}
.week svg{grid-column:2;grid-row:1;width:100%;height:100%;display:block}
.week .x,.week .y{position:relative;font-size:12px;line-height:1}
.week .y{grid-column:1;grid-row:1}
.week .x{grid-column:2;grid-row:2}
.cell{fill:rgb(var(--heat));stroke:var(--card);stroke-width:2}
.cell.none{fill:var(--track);fill-opacity:1}
.cell:hover{stroke:var(--fg)}
.over{fill:var(--warn);stroke:var(--card);stroke-width:1.5;pointer-events:none}
.scale{display:flex;align-items:center;gap:8px;font-size:12px;color:var(--muted);margin:6px 0 4px 38px;flex-wrap:wrap}
.scale svg{width:96px;height:10px;display:block}
.scale .dot{width:11px;height:11px}
.note{border-left:3px solid var(--warn);padding:2px 0 2px 12px;margin:14px 0}
footer{margin-top:56px;color:var(--muted);font-size:13px}
@media (max-width:600px){.x .tick.odd{display:none}main{padding:24px 14px 40px}.plot{padding:14px 14px 10px}.field{grid-template-columns:50px minmax(0,1fr)}h1{font-size:23px}}
@media print{.plot,.tiles li{break-inside:avoid}}
`

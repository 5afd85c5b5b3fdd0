//! Line icons of 16 px. Always beside a text that says the same, hence hidden from screen readers.
import {
  ArrowRight,
  Bell,
  ChartColumn,
  ChevronDown,
  CircleCheck,
  CircleMinus,
  CircleX,
  Clock,
  Copy,
  Download,
  FlaskConical,
  GripVertical,
  History,
  type IconNode,
  ImagePlus,
  Info,
  KeyRound,
  ListPlus,
  LogOut,
  Logs,
  Menu,
  MessageSquare,
  Pencil,
  Plus,
  RefreshCw,
  Route,
  Send,
  Server,
  Settings,
  SlidersHorizontal,
  Square,
  Trash2,
  TriangleAlert,
  Upload,
  Users,
  X,
} from "lucide";
import { h } from "preact";

const ICONS = {
  accounts: Users,
  add: Plus,
  alert: TriangleAlert,
  alerts: Bell,
  arrange: SlidersHorizontal,
  arrow: ArrowRight,
  audit: History,
  bad: CircleX,
  channels: Server,
  close: X,
  copy: Copy,
  down: ChevronDown,
  download: Download,
  edit: Pencil,
  good: CircleCheck,
  grip: GripVertical,
  image: ImagePlus,
  info: Info,
  keys: KeyRound,
  logout: LogOut,
  menu: Menu,
  off: CircleMinus,
  overview: ChartColumn,
  pick: ListPlus,
  playground: MessageSquare,
  reload: RefreshCw,
  remove: Trash2,
  requests: Logs,
  routing: Route,
  send: Send,
  settings: Settings,
  stop: Square,
  test: FlaskConical,
  upload: Upload,
  warn: Clock,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {ICONS[name].map(([tag, attributes], index) => h(tag, { ...attributes, key: index }))}
    </svg>
  );
}
